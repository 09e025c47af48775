// Pictures to choose from, and a place to bring one's own: a click chooses, a file or a drop is sent to the kernel.
// pictures: [{key, name, label, src}]; `chosen` is the key of the one in use.

const LARGEST = 8 * 1024 * 1024; // a websocket message of the server holds 10 MiB

function render({ model, el }) {
  const box = document.createElement("div");
  const input = document.createElement("input");
  box.className = "wb-gallery";
  input.type = "file";
  input.accept = "image/*";
  input.hidden = true;
  el.append(box, input);

  async function bring(file) {
    if (!file) return;
    if (file.size > LARGEST) {
      model.send({ kind: "too large", name: file.name, size: file.size, largest: LARGEST });
      return;
    }
    model.send({ kind: "picture", name: file.name }, undefined, [await file.arrayBuffer()]);
  }

  function tile(className, title, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = className;
    button.title = title;
    button.addEventListener("click", act);
    return button;
  }

  function draw() {
    const pictures = model.get("pictures");
    const tiles = pictures.map(({ key, name, label, src }) => {
      const button = tile("wb-picture", label ? `${name}, labelled ${label}` : name, () => {
        model.set("chosen", key);
        model.save_changes();
      });
      button.dataset.picture = key;
      button.setAttribute("aria-pressed", String(key === model.get("chosen")));
      const image = document.createElement("img");
      image.src = src;
      image.alt = name;
      button.append(image);
      return button;
    });
    const own = tile("wb-picture wb-picture-own", "Bring a picture of your own", () => input.click());
    own.textContent = "+";
    own.setAttribute("aria-label", "Bring a picture of your own");
    box.replaceChildren(...tiles, own);
  }

  input.addEventListener("change", () => {
    bring(input.files[0]);
    input.value = "";
  });
  box.addEventListener("dragover", (event) => event.preventDefault());
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    bring(event.dataTransfer.files[0]);
  });
  model.on("change:pictures", draw);
  model.on("change:chosen", draw);
  draw();
  return () => {
    model.off("change:pictures", draw);
    model.off("change:chosen", draw);
  };
}

export default { render };
