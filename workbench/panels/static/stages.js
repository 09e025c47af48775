// The pipeline as a strip: one button a stage, its time, and a bar whose parts are as wide as the times.
// stages: [{key, label, text, hint, colour, share, stale}]; `chosen` is the key of the stage last clicked.

function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "wb-strip";
  el.append(box);

  const make = (tag, className, text = "") => {
    const node = document.createElement(tag);
    node.className = className;
    node.textContent = text;
    return node;
  };

  function draw() {
    const stages = model.get("stages");
    const whole = stages.reduce((sum, stage) => sum + Math.max(stage.share ?? 0, 0), 0);
    const row = make("div", "wb-strip-row");
    const bar = make("div", "wb-strip-bar");
    stages.forEach((stage, index) => {
      if (index) row.append(make("span", "wb-strip-arrow", "▸"));
      const button = make("button", "wb-stage");
      button.type = "button";
      button.dataset.stage = stage.key;
      button.dataset.stale = String(Boolean(stage.stale));
      button.setAttribute("aria-pressed", String(stage.key === model.get("chosen")));
      button.style.setProperty("--stage", stage.colour);
      if (stage.hint) button.title = stage.hint;
      button.append(make("span", "wb-stage-name", stage.label), make("span", "wb-stage-time", stage.text));
      button.addEventListener("click", () => {
        model.set("chosen", stage.key);
        model.save_changes();
      });
      row.append(button);
      if (stage.share > 0) {
        const part = make("span", "wb-strip-part");
        part.style.cssText = `flex: ${(100 * stage.share) / whole} 1 0; background: ${stage.colour}`;
        part.title = `${stage.label}: ${stage.text}`;
        bar.append(part);
      }
    });
    box.replaceChildren(row, ...(whole > 0 ? [bar] : []));
    box.hidden = stages.length === 0;
  }

  model.on("change:stages", draw);
  model.on("change:chosen", draw);
  draw();
  return () => {
    model.off("change:stages", draw);
    model.off("change:chosen", draw);
  };
}

export default { render };
