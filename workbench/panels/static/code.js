// A piece of Python with a button that copies it.

function render({ model, el }) {
  const box = document.createElement("div");
  const code = document.createElement("pre");
  const button = document.createElement("button");
  box.className = "wb-code";
  button.type = "button";
  button.textContent = "Copy";
  const show = () => (code.textContent = model.get("text"));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(model.get("text"));
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  model.on("change:text", show);
  box.append(code, button);
  el.append(box);
  show();
  return () => model.off("change:text", show);
}

export default { render };
