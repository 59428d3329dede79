// Builds the viewer, keeps its state from run to run, and draws.

const VIEWERS = new WeakMap(); // by parent element, so that several viewers share a page

export default function ({ data, parentElement, setStateValue }) {
  const known = VIEWERS.get(parentElement);
  if (known?.data === data) return known.cleanUp; // the theme changed, not the images
  const started = performance.now();
  const root = parentElement.querySelector(".viewer");
  known?.observer.disconnect();
  const viewer = build(root, unpack(data), known);
  viewer.data = data;
  viewer.send = () => setStateValue("drawn", Object.fromEntries(viewer.drawn));
  viewer.cleanUp = () => {
    viewer.observer.disconnect();
    clearTimeout(viewer.timer);
    VIEWERS.delete(parentElement);
  };
  VIEWERS.set(parentElement, viewer);
  arrange(viewer);
  draw(viewer);
  root.dataset.builds = Number(root.dataset.builds ?? 0) + 1;
  root.dataset.paintMs = (performance.now() - started).toFixed(0);
  root.dataset.ready = "true";
  return viewer.cleanUp;
}

function newState() {
  return {
    settings: { isAiShown: true, opacity: 0.45, cutoff: 0, palette: "inferno", isContour: false },
    tool: "pan",
    isLinked: true,
    isInOneRow: false,
    drawn: new Map(), // the reader's boxes by pane key, earlier cases included
    panes: [],
    enlarged: null,
  };
}

// `known` is what was shown before. The reader's settings stay; the views stay where the images do.
function build(root, message, known) {
  const { settings, tool, isLinked, isInOneRow, drawn, panes: before, enlarged } = known ?? newState();
  const viewer = { root, settings, tool, isLinked, isInOneRow, drawn, isDrawing: false };
  viewer.stage = element("div", { class: "stage" });
  viewer.strip = element("div", { class: "strip", role: "group", "aria-label": "Further views" });
  viewer.hung = message.cells.map((cell) => buildPane(cell, viewer.stage)).filter(Boolean);
  viewer.extra = message.strip.map((cell) => buildPane(cell, viewer.strip)).filter(Boolean);
  viewer.panes = [...viewer.hung, ...viewer.extra];
  viewer.hasRows = message.cells.some((cell) => cell.row > 0);
  const earlier = viewer.panes.map((pane) => before.find(({ meta }) => meta.key === pane.meta.key));
  if (earlier.every(Boolean)) {
    viewer.panes.forEach((pane, i) => Object.assign(pane, { view: earlier[i].view, fit: earlier[i].fit }));
  }
  viewer.enlarged = viewer.panes.find(({ meta }) => meta.key === enlarged?.meta.key) ?? null;
  viewer.active = viewer.enlarged ?? viewer.panes[0]; // Python sends no viewer without a pane
  viewer.hasHeat = viewer.panes.some((pane) => pane.heat);
  viewer.hasRegions = regionsOf(viewer).length > 0;
  viewer.hasAi = viewer.hasHeat || viewer.hasRegions;
  const actions = actionsOf(viewer);
  viewer.toolbar = buildToolbar(viewer, actions);
  viewer.status = buildStatus(viewer, message.legend);
  root.replaceChildren(viewer.toolbar, viewer.stage, viewer.strip, viewer.status);
  root.style.height = `${message.height}px`;
  for (const pane of viewer.panes) listen(viewer, pane, actions);
  for (const { frame } of viewer.extra) {
    frame.onclick = () => {
      if (!viewer.enlarged) actions.enlarge(); // the click has made it the active one
    };
  }
  listenToKeys(viewer, actions);
  viewer.observer = new ResizeObserver(() => {
    layOut(viewer);
    redraw(viewer);
  });
  viewer.observer.observe(root);
  return viewer;
}

// At most once per frame of the screen, however many events arrive.
function redraw(viewer) {
  if (viewer.isDrawing) return;
  viewer.isDrawing = true;
  requestAnimationFrame(() => {
    viewer.isDrawing = false;
    draw(viewer);
  });
}

function draw(viewer) {
  const { active, root, settings } = viewer;
  const started = performance.now();
  for (const pane of viewer.panes) {
    if (pane.frame.hidden) continue;
    drawPane(pane, viewer);
    describe(pane, viewer);
  }
  refreshControls(viewer);
  Object.assign(root.dataset, {
    tool: viewer.tool,
    zoom: zoomPercent(active).toFixed(1),
    window: windowText(active),
    opacity: settings.isAiShown ? settings.opacity.toFixed(2) : "0.00",
    drawMs: (performance.now() - started).toFixed(1),
  });
}
