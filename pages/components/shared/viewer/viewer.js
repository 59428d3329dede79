// Builds the viewer, keeps its state from run to run, and draws.

const VIEWERS = new WeakMap(); // by parent element, so that several viewers share a page

export default function ({ data, parentElement, setStateValue }) {
  const known = VIEWERS.get(parentElement);
  if (known?.data === data) return known.cleanUp; // the theme changed, not the images
  const started = performance.now();
  const tell = unlessLeaving(parentElement, setStateValue);
  const root = parentElement.querySelector(".viewer");
  known?.stop();
  const viewer = build(root, unpack(data), known);
  viewer.data = data;
  viewer.tellChosen = () => tell("chosen", Object.fromEntries(viewer.chosen));
  viewer.send = () => tell("drawn", Object.fromEntries(viewer.drawn));
  viewer.cleanUp = () => {
    viewer.stop();
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
    isInOneRow: null, // whichever fits better
    hanging: "",
    isTruthShown: false,
    areFactsShown: false,
    drawn: new Map(), // the reader's boxes by pane key, earlier cases included
    chosen: new Map(), // side and view by pane key, until Python has applied them
    rulers: new Map(),
    rois: new Map(),
    tiles: new Map(), // at full resolution; what was looked at last is last
    panes: [],
    enlarged: null,
    awaited: null, // the case that was opened in the list, until its images are here
  };
}

// `known` is what was shown before. The reader's settings stay; the views stay where the images do.
function build(root, message, known) {
  const { panes: before, enlarged, ...kept } = stateOf(known ?? newState());
  const viewer = { root, settled: message.settled, ...kept, isDrawing: false, drawing: 0 };
  forgetSettled(viewer, [...message.cells, ...message.strip]);
  takeMeasures(viewer, message);
  viewer.asked = new Set();
  viewer.stage = element("div", { class: "stage" });
  viewer.strip = element("div", { class: "strip", role: "group", "aria-label": "Further views" });
  viewer.cells = message.cells.map((cell) => buildCell(viewer, cell, viewer.stage));
  viewer.hung = viewer.cells.map(({ pane }) => pane).filter(Boolean);
  const strip = message.strip.map((cell) => buildCell(viewer, cell, viewer.strip));
  viewer.extra = strip.map(({ pane }) => pane).filter(Boolean);
  viewer.panes = [...viewer.hung, ...viewer.extra];
  viewer.hasRows = message.cells.some((cell) => cell.row > 0);
  const earlier = viewer.panes.map((pane) => before.find(({ meta }) => meta.key === pane.meta.key));
  if (earlier.every(Boolean)) {
    viewer.panes.forEach((pane, i) => Object.assign(pane, { view: earlier[i].view, fit: earlier[i].fit }));
  } else {
    viewer.isTruthShown = false; // of another case it is asked for anew
    viewer.tiles.clear();
  }
  viewer.enlarged = viewer.panes.find(({ meta }) => meta.key === enlarged?.meta.key) ?? null;
  viewer.active = viewer.enlarged ?? viewer.panes[0];
  viewer.hasHeat = viewer.panes.some((pane) => pane.heat);
  viewer.hasRegions = regionsOf(viewer).length > 0;
  viewer.hasAi = viewer.hasHeat || viewer.hasRegions;
  viewer.hasTruth = viewer.panes.some((pane) => pane.meta.truth.length > 0);
  const actions = actionsOf(viewer);
  viewer.toolbar = buildToolbar(viewer, actions);
  viewer.status = buildStatus(viewer, message.legend);
  const keys = keysOf(viewer, actions);
  viewer.help = buildHelp(viewer, keys);
  const focused = root.getRootNode().activeElement?.closest(".pane")?.dataset.key;
  root.replaceChildren(viewer.toolbar, viewer.stage, viewer.strip, viewer.status, viewer.help);
  const stopFilling = fill(root, message);
  const stopFollowing = followList(viewer, message);
  for (const pane of viewer.panes) {
    listen(viewer, pane, actions);
    if (pane.meta.key === focused) pane.frame.focus({ preventScroll: true }); // keys go on working
  }
  for (const { frame } of viewer.extra) {
    frame.onclick = () => {
      if (!viewer.enlarged) actions.enlarge(); // the click has made it the active one
    };
  }
  listenToKeys(viewer, keys);
  const observer = new ResizeObserver(() => {
    arrange(viewer);
    redraw(viewer);
  });
  observer.observe(root);
  observer.observe(viewer.stage); // a bar above or below it may take a second line
  viewer.stop = () => {
    observer.disconnect();
    stopFilling();
    stopFollowing();
    clearTimeout(viewer.fetching);
    viewer.isStopped = true;
  };
  return viewer;
}

const LEAST_FILLED = 360; // with less room, reaching below the window is better than a strip
const BELOW = 14; // between the viewer and the window's lower edge

// As high as the window leaves room for, where that is asked for. What stands above may still grow.
function fill(root, { height, isFilling }) {
  const main = root.getRootNode().host?.closest("[data-testid=stMain]") ?? root.closest("[data-testid=stMain]");
  const size = () => {
    const top = root.getBoundingClientRect().top + (main?.scrollTop ?? window.scrollY);
    const room = Math.floor(window.innerHeight - top - BELOW);
    root.style.height = `${isFilling && room >= LEAST_FILLED ? room : height}px`;
  };
  size();
  if (!isFilling) return () => {};
  const observer = new ResizeObserver(size);
  if (main) observer.observe(main.firstElementChild);
  window.addEventListener("resize", size);
  return () => {
    observer.disconnect();
    window.removeEventListener("resize", size);
  };
}

function stateOf(known) {
  return Object.fromEntries(Object.keys(newState()).map((name) => [name, known[name]]));
}

// At most once per frame of the screen, however many events arrive.
function redraw(viewer) {
  if (viewer.isDrawing || viewer.isStopped) return;
  viewer.isDrawing = true;
  requestAnimationFrame(() => {
    viewer.isDrawing = false;
    draw(viewer);
  });
}

function draw(viewer) {
  const { active, root, settings } = viewer;
  const started = performance.now();
  viewer.drawing += 1;
  viewer.wanted = new Map();
  for (const pane of viewer.panes) {
    if (pane.frame.hidden) continue;
    drawPane(pane, viewer);
    describe(pane, viewer);
  }
  fetchTiles(viewer);
  refreshControls(viewer);
  showValue(viewer);
  Object.assign(root.dataset, {
    tool: viewer.tool,
    zoom: zoomPercent(active).toFixed(1),
    window: windowText(active),
    opacity: settings.isAiShown ? settings.opacity.toFixed(2) : "0.00",
    tiles: viewer.wanted.size ? "wanted" : "complete",
    drawMs: (performance.now() - started).toFixed(1),
  });
}
