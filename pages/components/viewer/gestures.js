// Mouse, pen and keyboard on the panes. They move views and say what happened; viewer.js redraws.

const WHEEL_STEP = 1.15;
const ARROW_STEP = 40; // screen pixels
const DRAG_RANGE = 300; // screen pixels of drag that double the window's width
const SMALLEST_BOX = 4; // image pixels; less is a click

function listen(viewer, pane, actions) {
  const { frame } = pane;
  let drag = null;
  const at = (event) => {
    const bounds = frame.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  };
  frame.onwheel = (event) => {
    event.preventDefault();
    actions.zoom(pane, event.deltaY < 0 ? WHEEL_STEP : 1 / WHEEL_STEP, at(event));
  };
  frame.onpointerdown = (event) => {
    frame.setPointerCapture(event.pointerId);
    frame.focus({ preventScroll: true });
    const isWindow = event.button === 2 || event.shiftKey || viewer.tool === "window";
    const kind = isWindow ? "window" : viewer.tool === "box" ? "box" : "pan";
    drag = { kind, start: at(event), view: { ...pane.view }, before: viewer.drawn.get(pane.meta.key) };
  };
  frame.onpointermove = (event) => {
    const now = at(event);
    if (viewer.tool === "lens") actions.moveLens(pane, now);
    if (drag) actions.drag(pane, drag, now);
  };
  frame.onpointerup = (event) => {
    if (drag?.kind === "box") actions.finishBox(pane, drag, at(event));
    drag = null;
  };
  frame.onpointercancel = () => {
    drag = null;
  };
  frame.onpointerleave = () => actions.moveLens(pane, null);
  frame.oncontextmenu = (event) => event.preventDefault();
  frame.ondblclick = (event) => actions.oneToOneAt(pane, at(event));
  frame.onfocus = () => actions.activate(pane);
}

function draggedView(pane, drag, [x, y]) {
  const right = x - drag.start[0];
  const down = y - drag.start[1];
  if (drag.kind === "window") {
    return {
      scale: Math.min(20, Math.max(0.01, drag.view.scale * 2 ** (right / DRAG_RANGE))),
      shift: drag.view.shift + down / DRAG_RANGE / 2,
    };
  }
  return { panX: drag.view.panX + outward(pane) * right, panY: drag.view.panY + down };
}

function draggedBox(pane, drag, now) {
  const [rows, columns] = pane.meta.size;
  const [ax, ay] = toImage(pane, ...drag.start);
  const [bx, by] = toImage(pane, ...now);
  const within = (value, most) => Math.round(Math.min(most, Math.max(0, value)));
  return [
    within(Math.min(ax, bx), columns),
    within(Math.min(ay, by), rows),
    within(Math.max(ax, bx), columns),
    within(Math.max(ay, by), rows),
  ];
}

function isBox([x0, y0, x1, y1]) {
  return x1 - x0 >= SMALLEST_BOX && y1 - y0 >= SMALLEST_BOX;
}

// Keys work while a pane has the focus; on the toolbar they belong to its controls.
function keyActions(viewer, actions) {
  const middle = (pane) => [pane.width / 2, pane.height / 2];
  const zoom = (factor) => actions.zoom(viewer.active, factor, middle(viewer.active));
  const pan = (right, down) =>
    actions.change(viewer.active, {
      panX: viewer.active.view.panX + outward(viewer.active) * right,
      panY: viewer.active.view.panY + down,
    });
  return {
    "+": () => zoom(WHEEL_STEP),
    "=": () => zoom(WHEEL_STEP), // the same key without shift
    "-": () => zoom(1 / WHEEL_STEP),
    0: actions.fit,
    1: actions.oneToOne,
    i: actions.invert,
    h: actions.toggleAi,
    m: () => actions.useTool(viewer.tool === "lens" ? "pan" : "lens"),
    b: () => actions.useTool(viewer.tool === "box" ? "pan" : "box"),
    f: actions.enlarge,
    r: actions.reset,
    Delete: actions.eraseBox,
    Backspace: actions.eraseBox,
    Escape: actions.leave,
    ArrowLeft: () => pan(ARROW_STEP, 0),
    ArrowRight: () => pan(-ARROW_STEP, 0),
    ArrowUp: () => pan(0, ARROW_STEP),
    ArrowDown: () => pan(0, -ARROW_STEP),
  };
}

function listenToKeys(viewer, actions) {
  const keys = keyActions(viewer, actions);
  viewer.root.onkeydown = (event) => {
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || !event.target.classList.contains("pane") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // the page has shortcuts of its own, R among them
    act();
  };
}
