// Says when the kernel cannot be reached, and sees to it that widgets work when it can be again.
//
// A widget sends nothing while the kernel has not finished with what it sent before. What was under way when a
// connection broke may never be reported as finished, and a slider would stay dead. So once the kernel is idle
// again, which means that nothing is under way, a widget that still waits is told so.

const PATIENCE_MS = 1000;

function free(manager) {
  for (const coming of Object.values(manager._models ?? {})) {
    coming.then((model) => {
      if (!(model._pending_msgs > 0)) return;
      model._pending_msgs = 1;
      model._handle_status({ content: { execution_state: "idle" } });
    });
  }
}

function render({ model, el }) {
  const manager = model.widget_manager;
  const kernel = manager?.kernel;
  if (document.body.dataset.voila === undefined || !kernel?.connectionStatusChanged) return () => {};
  const line = document.createElement("div");
  line.className = "wb-unreachable";
  line.setAttribute("role", "status");
  line.hidden = true;
  line.textContent = "The server does not answer. What you choose now is not computed; the page keeps trying to reach it.";
  el.append(line);

  let lost = false;
  let timer = 0;
  const later = (act) => {
    clearTimeout(timer);
    timer = setTimeout(act, PATIENCE_MS);
  };
  const settle = () => {
    if (kernel.status !== "idle") return; // the kernel says when it is
    lost = false;
    free(manager);
  };
  const hear = (_kernel, status) => {
    if (status === "connected") {
      line.hidden = true;
      if (lost) later(settle);
    } else {
      lost = true;
      later(() => (line.hidden = false)); // most come back at once
    }
  };
  const look = (_kernel, status) => {
    if (lost && status === "idle" && kernel.connectionStatus === "connected") later(settle);
  };
  kernel.connectionStatusChanged.connect(hear);
  kernel.statusChanged.connect(look);
  return () => {
    clearTimeout(timer);
    kernel.connectionStatusChanged.disconnect(hear);
    kernel.statusChanged.disconnect(look);
  };
}

export default { render };
