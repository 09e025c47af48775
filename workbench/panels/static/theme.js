// The header's switch between light and dark. The choice is the browser's: it stays from app to app,
// and changing it needs no kernel.

const KEY = "workbench-theme";

function stored() {
  try { return localStorage.getItem(KEY); } catch { return null; }
}

function preferred() {
  const lab = document.body.dataset.voila === undefined ? document.body.dataset.jpThemeLight : undefined;
  if (lab !== undefined) return lab === "false" ? "dark" : "light";
  return stored() ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function render({ el }) {
  const root = document.documentElement;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "wb-theme";
  const show = () => {
    const dark = root.dataset.wbTheme === "dark";
    button.textContent = dark ? "☀ Light" : "☾ Dark";
    button.title = dark ? "Show the page in light colours" : "Show the page in dark colours";
  };
  button.addEventListener("click", () => {
    root.dataset.wbTheme = root.dataset.wbTheme === "dark" ? "light" : "dark";
    try { localStorage.setItem(KEY, root.dataset.wbTheme); } catch { /* private window: for this page only */ }
  });
  root.dataset.wbTheme ??= preferred();
  const watch = new MutationObserver(show);
  watch.observe(root, { attributeFilter: ["data-wb-theme"] });
  el.append(button);
  show();
  return () => watch.disconnect();
}

export default { render };
