// A table behind a line that opens it, and a button that saves its numbers as CSV.
// columns: [text]; rows: [[text]] as people read them; csv: the same with full numbers; name: of the file.

function render({ model, el }) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const save = document.createElement("button");
  const place = document.createElement("div");
  details.className = "wb-table";
  save.type = "button";
  save.textContent = "Save as CSV";
  place.className = "wb-table-place";
  details.append(summary, save, place);
  el.append(details);

  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([model.get("csv")], { type: "text/csv" }));
    link.download = `${model.get("name")}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  });

  function line(cells, tag) {
    const row = document.createElement("tr");
    row.append(...cells.map((text) => Object.assign(document.createElement(tag), { textContent: text })));
    return row;
  }

  function draw() {
    const rows = model.get("rows");
    details.dataset.table = model.get("name");
    details.hidden = rows.length === 0;
    summary.textContent = `As a table · ${rows.length} ${rows.length === 1 ? "row" : "rows"}`;
    if (!details.open) return;
    const table = document.createElement("table");
    const head = document.createElement("thead");
    const body = document.createElement("tbody");
    head.append(line(model.get("columns"), "th"));
    body.append(...rows.map((cells) => line(cells, "td")));
    table.append(head, body);
    place.replaceChildren(table);
  }

  details.addEventListener("toggle", draw);
  model.on("change:rows", draw);
  draw();
  return () => model.off("change:rows", draw);
}

export default { render };
