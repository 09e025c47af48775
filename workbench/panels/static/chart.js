// One plotly chart. plotly.js comes once a page, from the server where it has it, else from the kernel; after
// that only figures travel.
//
// What a test (or a curious person) can read on the element `.wb-chart`:
//   data-chart  its name          data-draws   how many times it was drawn
//   data-state  waiting | empty | drawn | stale | failed
//   data-hovered  number of the picture that is shown beside the pointer, "" while there is none
//   el.drawn()  the traces as plotly holds them after the last draw: [{type, name, x, y, z, text, customdata}]
//   el.marked() the customdata of the points of each trace that stand out, null where none was selected

const PATIENCE_MS = 60000;

/** Ask the kernel, through this chart's own channel, for the text of plotly.min.js. */
function askKernel(model) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      model.off("msg:custom", hear);
    };
    const hear = (message, buffers) => {
      if (!message || message.kind !== "plotly") return;
      stop();
      resolve(new TextDecoder().decode(buffers[0]));
    };
    const timer = setTimeout(() => {
      stop();
      reject(new Error("the kernel did not send plotly.js; reload the page"));
    }, PATIENCE_MS);
    model.on("msg:custom", hear);
    model.send({ kind: "plotly" });
  });
}

/** Plotly as a script of the page, which the browser reads beside everything else. */
function fromServer(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", () => resolve(globalThis.Plotly));
    script.addEventListener("error", () => reject(new Error("the server did not send plotly.js; reload the page")));
    document.head.append(script);
  });
}

async function fromKernel(model, shared) {
  const source = await askKernel(model);
  const module = { exports: {} };
  new Function("module", "exports", source)(module, module.exports);
  shared.source = source;
  return module.exports;
}

/** Plotly, shared by all charts of the page whichever of them asked first. */
function plotlyFor(model) {
  const shared = (globalThis.__workbench ??= {});
  const address = document.body.dataset.plotly;
  if (!shared.plotly) {
    shared.plotly = address ? fromServer(address) : fromKernel(model, shared);
    shared.plotly.catch(() => delete shared.plotly); // the next chart may try again
  }
  return shared.plotly;
}

/** The text of plotly.js, for charts that are saved as a page of their own. */
async function plotlySource() {
  const shared = globalThis.__workbench;
  shared.source ??= await (await fetch(document.body.dataset.plotly)).text();
  return shared.source;
}

/** After what the page shows now was painted; soon also where nobody looks at the page and nothing is. */
const painted = () => new Promise((done) => {
  requestAnimationFrame(() => setTimeout(done));
  setTimeout(done, 500);
});

/** The page's theme: set by the header's switch, else JupyterLab's, else the system's. */
function pageTheme() {
  const chosen = document.documentElement.dataset.wbTheme;
  if (chosen === "light" || chosen === "dark") return chosen;
  const lab = document.body.dataset.jpThemeLight;
  if (lab !== undefined) return lab === "false" ? "dark" : "light";
  return globalThis.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

const SANS = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif';
const PAPER = { light: "#ffffff", dark: "#191f27" };
const INK = {
  light: { text: "#27313d", quiet: "#5d6977", grid: "#e4e8ed", line: "#b8c1cb", hover: "#ffffff" },
  dark: { text: "#dfe5ec", quiet: "#9aa6b3", grid: "#2b333d", line: "#4a5561", hover: "#232a33" },
};

/** A plotly template in the page's own colours and type. */
function template(theme) {
  const ink = INK[theme];
  const axis = {
    gridcolor: ink.grid, linecolor: ink.line, zerolinecolor: ink.grid, tickcolor: ink.line,
    tickfont: { color: ink.quiet, size: 11.5 }, title: { font: { color: ink.quiet, size: 12.5 }, standoff: 10 },
    automargin: true, zerolinewidth: 1, ticks: "outside", ticklen: 4,
  };
  return {
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: SANS, size: 12.5, color: ink.text },
      title: { font: { size: 14.5, color: ink.text }, x: 0, xref: "paper", xanchor: "left" },
      xaxis: axis, yaxis: axis, margin: { l: 56, r: 16, t: 40, b: 44 },
      hoverlabel: { bgcolor: ink.hover, bordercolor: ink.line, font: { color: ink.text, size: 12.5 }, align: "left" },
      legend: { font: { color: ink.text }, orientation: "h", y: 1.02, yanchor: "bottom", x: 1, xanchor: "right" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: ink.line, activecolor: ink.text },
      annotationdefaults: { font: { color: ink.quiet } },
      shapedefaults: { line: { color: ink.quiet } },
      coloraxis: { colorbar: { outlinewidth: 0, tickfont: { color: ink.quiet } } },
    },
    data: { bar: [{ marker: { line: { width: 0 } } }] },
  };
}

function config(Plotly, name, linked) {
  const filename = name || "chart";
  return {
    displaylogo: false, responsive: false, displayModeBar: "hover",
    modeBarButtonsToRemove: [...(linked ? [] : ["lasso2d", "select2d"]), "autoScale2d", "zoomIn2d", "zoomOut2d"],
    toImageButtonOptions: { format: "png", scale: 3, filename },
    modeBarButtonsToAdd: [{
      name: "svg", title: "Download as SVG", icon: Plotly.Icons.disk,
      click: (chart) => Plotly.downloadImage(chart, { format: "svg", filename }),
    }],
  };
}

function download(content, type, filename) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = filename;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** The chart as JSON that plotly reads in any language, in the colours of the page and on its paper. */
function asJson(plot, theme) {
  const paper = { paper_bgcolor: PAPER[theme], plot_bgcolor: PAPER[theme] };
  const { data, layout } = plot;
  const size = { width: plot.clientWidth, height: plot.clientHeight, autosize: false };
  return JSON.stringify({ data, layout: { ...layout, ...size, ...paper } });
}

/** The chart as a page that needs nothing else: plotly.js is in it. */
function asPage(source, json, title, theme) {
  const safe = json.replaceAll("<", "\\u003c");
  return `<!doctype html><html><head><meta charset="utf-8"><title>${title}</title>
<style>body { margin: 0; background: ${PAPER[theme]}; }</style></head><body><div id="chart"></div>
<script>${source}</script>
<script>const { data, layout } = ${safe}; Plotly.newPlot("chart", data, layout, { displaylogo: false });</script>
</body></html>`;
}

/** A line of buttons that save the chart. */
function saveLine(act) {
  const line = document.createElement("div");
  line.className = "wb-chart-saves";
  line.append("Save chart as");
  for (const kind of ["PNG", "SVG", "HTML", "JSON"]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = kind;
    button.addEventListener("click", () => act(kind.toLowerCase()));
    line.append(button);
  }
  return line;
}

function render({ model, el }) {
  const root = document.createElement("div");
  const plot = document.createElement("div");
  const note = document.createElement("div");
  const peek = document.createElement("div");
  const saves = saveLine((kind) => save(kind));
  root.className = "wb-chart";
  plot.className = "wb-chart-plot";
  note.className = "wb-chart-note";
  peek.className = "wb-chart-peek";
  peek.hidden = true;
  root.append(plot, note, peek);
  el.append(root, saves);
  root.dataset.draws = "0";
  root.dataset.state = "waiting";
  root.drawn = () => (plot.data ?? []).map(
    ({ type, name, x, y, z, text, customdata }) => ({ type, name, x, y, z, text, customdata }));
  root.marked = () => (plot.data ?? []).map(
    ({ customdata, selectedpoints }) => (selectedpoints ? selectedpoints.map((at) => customdata?.[at]) : null));

  let Plotly = null;
  let drawing = false;
  let wanted = false;
  let gone = false;
  let begun = false;
  let clicks = 0;
  let tools = null; // one object for all draws: plotly starts from nothing where it is another

  const visible = () => root.isConnected && root.clientWidth > 0;
  const theme = () => (model.get("theme") === "auto" ? pageTheme() : model.get("theme"));
  const say = (state, text) => {
    root.dataset.state = state;
    note.textContent = text;
    note.hidden = !text;
    saves.hidden = !["drawn", "stale"].includes(state) || !model.get("exports");
  };

  async function drawOnce() {
    const { data = [], layout = {} } = model.get("figure");
    if (data.length === 0) {
      if (plot.data) Plotly.purge(plot);
      say("empty", model.get("empty"));
      return;
    }
    const { width, height, ...rest } = layout; // the page decides the size
    const first = !plot.data;
    const named = `${model.get("name")}|${model.get("linked")}`;
    if (tools?.named !== named) tools = { named, config: config(Plotly, model.get("name"), model.get("linked")) };
    await Plotly.react(
      plot,
      structuredClone(data),
      { uirevision: "kept", ...structuredClone(rest), template: template(theme()), autosize: true },
      tools.config,
    );
    if (first) {
      plot.on("plotly_click", ({ points }) => click(points[0]));
      plot.on("plotly_selected", (event) => select(event?.points ?? []));
      plot.on("plotly_deselect", () => select([]));
      plot.on("plotly_hover", ({ points, event }) => look(points[0], event));
      plot.on("plotly_unhover", () => look(null));
    }
    if (model.get("linked") && model.get("selected").length) await mark();
    root.dataset.draws = String(Number(root.dataset.draws) + 1);
    say(wanted ? "stale" : "drawn", "");
  }

  /** Draw the newest figure; changes that come meanwhile are drawn once, after. */
  async function draw() {
    wanted = true;
    if (root.dataset.state === "drawn") root.dataset.state = "stale";
    if (!Plotly || drawing || gone || !visible()) return;
    drawing = true;
    try {
      while (wanted && visible() && !gone) {
        wanted = false;
        await drawOnce();
      }
    } catch (error) {
      say("failed", `This chart could not be drawn: ${error.message}`);
    } finally {
      drawing = false;
    }
  }

  function send(trait, value) {
    model.set(trait, value);
    model.save_changes();
  }
  const plain = (value) => (value === undefined ? null : value);
  const click = (point) => send("clicked", {
    count: ++clicks, trace: point.data.name ?? null, curve: point.curveNumber,
    point: plain(point.pointNumber), x: plain(point.x), y: plain(point.y), customdata: plain(point.customdata),
  });
  const select = (points) => send("selected", points.map((point) => plain(point.customdata ?? point.pointNumber)));

  /** In a linked chart the selected points stand out in every panel, whichever they were selected in. */
  async function mark() {
    if (!Plotly || !plot.data || !model.get("linked")) return;
    const chosen = new Set(model.get("selected"));
    const places = ({ customdata = [] }) => [...customdata.keys()].filter((at) => chosen.has(customdata[at]));
    const traces = [...plot.data.keys()].filter((at) => plot.data[at].customdata?.length);
    const selectedpoints = traces.map((at) => (chosen.size ? places(plot.data[at]) : null));
    await Plotly.restyle(plot, { selectedpoints }, traces);
  }

  /** The picture of a point beside the pointer; its number is the point's customdata. */
  function look(point, event) {
    const { src, size, columns } = model.get("pictures") ?? {};
    const number = point?.customdata;
    peek.hidden = !src || !Number.isInteger(number);
    root.dataset.hovered = peek.hidden ? "" : String(number);
    if (peek.hidden) return;
    const shown = 96;
    const box = root.getBoundingClientRect();
    const [column, row] = [number % columns, Math.floor(number / columns)];
    const left = Math.max(0, Math.min(event.clientX - box.left - shown / 2, box.width - shown));
    const below = event.clientY - box.top + 44; // plotly's own words stand in between
    const above = below - 88 - shown;
    peek.style.cssText = `width: ${shown}px; height: ${shown}px; background-image: url(${src});
      background-size: ${columns * shown}px auto; background-position: ${-column * shown}px ${-row * shown}px;
      left: ${left}px; top: ${above < 0 ? below : above}px;
      image-rendering: ${size < shown ? "pixelated" : "auto"}`;
  }

  async function save(kind) {
    const filename = model.get("name").replaceAll(" ", "-") || "chart";
    const size = { width: plot.clientWidth, height: plot.clientHeight, scale: kind === "png" ? 3 : 1 };
    if (kind === "png" || kind === "svg") {
      Plotly.downloadImage(plot, { format: kind, filename, ...size });
      return;
    }
    const json = asJson(plot, theme());
    if (kind === "json") download(json, "application/json", `${filename}.json`);
    else download(asPage(await plotlySource(), json, filename, theme()), "text/html", `${filename}.html`);
  }

  function dress() {
    root.dataset.chart = model.get("name");
    root.dataset.busy = String(model.get("busy"));
    root.style.height = `${model.get("height")}px`;
  }

  const resize = new ResizeObserver(() => {
    if (!visible()) return;
    if (!Plotly) begin();
    else if (wanted || !plot.data) draw();
    else if (!drawing && plot.layout) Plotly.Plots.resize(plot);
  });
  const retheme = new MutationObserver(() => draw());
  const changes = {
    "change:figure": draw, "change:theme": draw, "change:empty": draw, "change:linked": draw, "change:selected": mark,
  };
  const looks = { "change:name": dress, "change:busy": dress, "change:height": dress };
  for (const [event, act] of Object.entries({ ...changes, ...looks })) model.on(event, act);
  retheme.observe(document.documentElement, { attributeFilter: ["data-wb-theme"] });
  retheme.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  resize.observe(root);
  dress();
  say("waiting", "");

  const start = (tries) => plotlyFor(model).then(
    (loaded) => {
      Plotly = loaded;
      return draw();
    },
    (error) => (tries > 1 && !gone ? start(tries - 1) : say("failed", error.message)),
  );
  /** plotly keeps the page busy for a second: what else there is to see comes first. */
  function begin() {
    if (begun) return;
    begun = true;
    painted().then(() => start(3));
  }
  if (document.hidden) begin();

  return () => {
    gone = true;
    resize.disconnect();
    retheme.disconnect();
    for (const [event, act] of Object.entries({ ...changes, ...looks })) model.off(event, act);
    if (Plotly && plot.data) Plotly.purge(plot);
  };
}

export default { render };
