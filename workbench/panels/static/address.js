// A link that restores the choice: it stands behind the # of the page's address, which the browser keeps to itself.
// A warm kernel ran before the visitor came and knows no address, so the page reads it here and tells the kernel.

function render({ model, el }) {
  if (document.body.dataset.voila === undefined) return () => {}; // a notebook's address is not ours
  const button = document.createElement("button");
  button.type = "button";
  button.className = "wb-address";
  button.textContent = "Copy link";
  button.title = "Copy a link that restores this choice";
  button.addEventListener("click", async () => {
    try {
      const { origin, pathname } = location;
      await navigator.clipboard.writeText(`${origin}${pathname}#${model.get("address")}`);
      button.textContent = "Copied";
    } catch {
      button.textContent = "It is in the address bar";
    }
    setTimeout(() => (button.textContent = "Copy link"), 1500);
  });

  const ask = () => {
    if (location.hash.length < 2) return;
    model.send({ kind: "asked", hash: location.hash });
  };
  let timer = 0;
  const write = () => {
    button.dataset.choice = `#${model.get("address")}`; // what the address bar says once the timer ends
    clearTimeout(timer); // a slider that is dragged would change the address more often than browsers allow
    timer = setTimeout(() => {
      const hash = button.dataset.choice;
      if (location.hash !== hash) history.replaceState(null, "", hash);
    }, 150);
  };
  window.addEventListener("hashchange", ask);
  model.on("change:address", write);
  button.dataset.choice = `#${model.get("address")}`;
  el.append(button);
  ask();
  return () => {
    window.removeEventListener("hashchange", ask);
    model.off("change:address", write);
    clearTimeout(timer);
  };
}

export default { render };
