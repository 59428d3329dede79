// Mouse, pen and keyboard on the panes. They move views and say what happened; viewer.js redraws.

const KEY_STEP = 1.15;
const WHEEL_SPEED = 0.0015; // a notch is 100 units: 16 %
const ARROW_STEP = 40; // screen pixels
const SHAPE_STEP = 8;
const WINDOW_STEP = 0.05; // of the window's width
const DRAG_RANGE = 300; // screen pixels of drag that double the window's width

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
    actions.activate(pane); // Firefox tells of no focus while its window has none
    const isWindow = event.button === 2 || event.shiftKey || viewer.tool === "window";
    const kind = isWindow ? "window" : SHAPE_TOOLS.includes(viewer.tool) ? viewer.tool : "pan";
    const before = shapesOf(viewer, kind)?.get(pane.meta.key);
    drag = { kind, start: at(event), view: { ...pane.view }, before };
  };
  frame.onpointermove = (event) => {
    const now = at(event);
    actions.moveLens(pane, now);
    viewer.pointer = { pane, at: now };
    showValue(viewer);
    if (drag) actions.drag(pane, drag, now);
  };
  frame.onpointerup = (event) => {
    if (SHAPE_TOOLS.includes(drag?.kind)) actions.finishShape(pane, drag, at(event));
    drag = null;
  };
  frame.onpointercancel = () => {
    drag = null;
  };
  frame.onpointerleave = () => {
    viewer.pointer = null;
    showValue(viewer);
    actions.moveLens(pane, null);
  };
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

// In words below the images: what is stored under the pointer.
function showValue(viewer) {
  const { pane, at } = viewer.pointer ?? {};
  const found = pane && valueAt(viewer, pane, ...toImage(pane, ...at));
  const about = found?.isExact ? "" : "about ";
  viewer.value.textContent = found
    ? `${pane.meta.name}, column ${found.x}, row ${found.y}: ${about}${found.value}`
    : "";
}

// Arrows pan; in the tools that lay a shape on the image they move it, with shift its far corner.
function arrow(viewer, actions, right, down) {
  return (event) => {
    const hasShape = shapesOf(viewer, viewer.tool)?.has(viewer.active.meta.key);
    if (hasShape) actions.moveShape(-SHAPE_STEP * right, -SHAPE_STEP * down, event.shiftKey);
    else actions.pan(ARROW_STEP * right, ARROW_STEP * down);
  };
}

// Every key with what it does; `text` stands in the list of keys, under what is `shown`.
function keysOf(viewer, actions) {
  const toggleTool = (tool) => () => actions.useTool(viewer.tool === tool ? "pan" : tool);
  const isShaping = () => SHAPE_TOOLS.includes(viewer.tool);
  const keys = [
    { keys: "+=", shown: "+", text: "Zoom in", act: () => actions.zoomMiddle(KEY_STEP) },
    { keys: "-", shown: "-", text: "Zoom out", act: () => actions.zoomMiddle(1 / KEY_STEP) },
    { keys: "0", shown: "0", text: "Fit the breast", act: actions.fit },
    { keys: "1", shown: "1", text: "One stored pixel per screen pixel", act: actions.oneToOne },
    { keys: "[", act: () => actions.stretchWindow(1 / KEY_STEP) },
    { keys: "]", shown: "[ ]", text: "Window narrower, wider", act: () => actions.stretchWindow(KEY_STEP) },
    { keys: ",", act: () => actions.moveWindow(WINDOW_STEP) },
    { keys: ".", shown: ", .", text: "Darker, brighter", act: () => actions.moveWindow(-WINDOW_STEP) },
    { keys: "i", shown: "I", text: "Invert grey", act: actions.invert },
    { keys: "r", shown: "R", text: "Reset view and window", act: actions.reset },
    { keys: "m", shown: "M", text: "Magnifier, without heatmap", act: toggleTool("lens") },
    { keys: "l", shown: "L", text: "Ruler", act: toggleTool("ruler") },
    { keys: "o", shown: "O", text: "Region: mean and standard deviation", act: toggleTool("roi") },
    { keys: "b", shown: "B", text: "Box that goes to the page", act: toggleTool("box") },
    { keys: ["Enter"], shown: "Enter", text: "Place a box, ruler or region", act: () => isShaping() && actions.placeShape() },
    { keys: ["Delete", "Backspace"], shown: "Delete", text: "Remove it", act: actions.eraseShape },
    { keys: "f", shown: "F", text: "Only this image, or all", act: actions.enlarge },
    { keys: "g", shown: "G", text: "Next hanging: all, CC, MLO, one breast", act: actions.nextHanging },
    { keys: "d", shown: "D", text: "What is known of the file", act: actions.toggleFacts },
    { keys: "?", shown: "?", text: "This list", act: () => showHelp(viewer, true) },
    { keys: ["Escape"], shown: "Escape", text: "Back to all images", act: actions.leave },
    { keys: ["ArrowLeft"], act: arrow(viewer, actions, 1, 0) },
    { keys: ["ArrowRight"], act: arrow(viewer, actions, -1, 0) },
    { keys: ["ArrowUp"], act: arrow(viewer, actions, 0, 1) },
    { keys: ["ArrowDown"], shown: "Arrows", text: "Pan; move a box, ruler or region (shift: its far end)", act: arrow(viewer, actions, 0, -1) },
  ];
  if (viewer.hasAi) keys.push({ keys: "h", shown: "H", text: "Show or hide AI", act: actions.toggleAi });
  if (viewer.hasRegions) keys.push({ keys: "n", shown: "N", text: "Next region", act: actions.nextRegion });
  if (viewer.hasTruth) keys.push({ keys: "t", shown: "T", text: "Show or hide truth boxes", act: actions.toggleTruth });
  return keys;
}

// Keys work while a pane has the focus; on the toolbar they belong to its controls.
function listenToKeys(viewer, keys) {
  const acts = new Map(keys.flatMap((one) => [...one.keys].map((key) => [key, one.act])));
  viewer.root.onkeydown = (event) => {
    const act = acts.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    const isOnPane = event.target.classList.contains("pane");
    if (!act || !isOnPane || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // the page has shortcuts of its own, R among them
    act(event);
  };
}
