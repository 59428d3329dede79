// Mouse, pen and keyboard on the panes. They move views and say what happened; viewer.js redraws.

const KEY_STEP = 1.15;
const WHEEL_SPEED = 0.0015; // a notch is 100 units: 16 %
const ARROW_STEP = 40; // screen pixels
const BOX_STEP = 8;
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
    const units = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 * event.deltaY : event.deltaY;
    actions.zoom(pane, Math.exp(-WHEEL_SPEED * units), at(event));
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
    actions.moveLens(pane, now);
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
  frame.ondblclick = (event) => actions.toggleOneToOne(pane, at(event));
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

// Arrows pan; in the box tool they move the reader's box, with shift its far corner.
function arrow(viewer, actions, right, down) {
  return (event) => {
    const hasBox = viewer.tool === "box" && viewer.drawn.has(viewer.active.meta.key);
    if (hasBox) actions.moveBox(-BOX_STEP * right, -BOX_STEP * down, event.shiftKey);
    else actions.pan(ARROW_STEP * right, ARROW_STEP * down);
  };
}

// Keys work while a pane has the focus; on the toolbar they belong to its controls.
function listenToKeys(viewer, actions) {
  const toggleTool = (tool) => () => actions.useTool(viewer.tool === tool ? "pan" : tool);
  const keys = {
    "+": () => actions.zoomMiddle(KEY_STEP),
    "=": () => actions.zoomMiddle(KEY_STEP), // the same key without shift
    "-": () => actions.zoomMiddle(1 / KEY_STEP),
    0: actions.fit,
    1: actions.oneToOne,
    i: actions.invert,
    h: actions.toggleAi,
    m: toggleTool("lens"),
    b: toggleTool("box"),
    f: actions.enlarge,
    r: actions.reset,
    n: actions.nextRegion,
    Enter: () => viewer.tool === "box" && actions.placeBox(),
    Delete: actions.eraseBox,
    Backspace: actions.eraseBox,
    Escape: actions.leave,
    ArrowLeft: arrow(viewer, actions, 1, 0),
    ArrowRight: arrow(viewer, actions, -1, 0),
    ArrowUp: arrow(viewer, actions, 0, 1),
    ArrowDown: arrow(viewer, actions, 0, -1),
  };
  viewer.root.onkeydown = (event) => {
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    const isOnPane = event.target.classList.contains("pane");
    if (!act || !isOnPane || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // the page has shortcuts of its own, R among them
    act(event);
  };
}
