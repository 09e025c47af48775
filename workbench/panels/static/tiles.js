// The row of numbers. Each tile is made once and changed in place, so that the pointer, the focus and the
// slow fading to grey outlive a step of a slider.
// cards: [{name, number, unit, note, warning, tone, origin, how, stale}]

function make(tag, className) {
  const node = document.createElement(tag);
  node.className = className;
  return node;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function tileOf(name) {
  const [root, head, value, sub] = ["card", "name", "value", "sub"].map((part) => make("div", `wb-${part}`));
  const [mark, number, unit, below] = ["span", "span", "small", "span"].map((tag) => make(tag, ""));
  mark.className = "wb-mark";
  mark.setAttribute("role", "img");
  root.dataset.tile = name;
  head.append(name, mark);
  value.append(number, " ", unit);
  sub.append(below);
  root.append(head, value, sub);

  function dress(card) {
    const looks = { "wb-warned": card.warning, "wb-good": card.tone === "good", "wb-bad": card.tone === "bad", "wb-stale": card.stale };
    root.className = ["wb-card", "wb-tile", ...Object.keys(looks).filter((look) => looks[look])].join(" ");
    mark.hidden = !card.origin;
    mark.dataset.origin = card.origin;
    mark.setAttribute("aria-label", card.origin);
    put(number, card.number || "–");
    put(unit, card.unit);
    put(below, card.warning || card.note);
    below.className = card.warning ? "wb-warning" : "";
    if (card.how) {
      root.dataset.how = card.how;
      root.tabIndex = 0;
    } else {
      delete root.dataset.how;
      root.removeAttribute("tabindex");
    }
  }
  return { root, dress };
}

function render({ model, el }) {
  const known = new Map();

  function draw() {
    const cards = model.get("cards");
    for (const card of cards) {
      if (!known.has(card.name)) {
        known.set(card.name, tileOf(card.name));
        el.append(known.get(card.name).root);
      }
      known.get(card.name).dress(card);
    }
  }

  model.on("change:cards", draw);
  draw();
  return () => {
    model.off("change:cards", draw);
    for (const { root } of known.values()) root.remove();
  };
}

export default { render };
