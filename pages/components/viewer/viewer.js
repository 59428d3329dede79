// Builds the viewer, keeps its state, and does what the toolbar, mouse and keys ask for.

const VIEWERS = new WeakMap(); // by parent element, so that several viewers share a page

export default function ({ data, parentElement, setStateValue }) {
  const known = VIEWERS.get(parentElement);
  if (known?.data === data) return known.cleanup; // the theme changed, not the images
  const started = performance.now();
  const root = parentElement.querySelector(".viewer");
  const viewer = build(root, unpack(data), known);
  viewer.data = data;
  viewer.send = () => setStateValue("drawn", Object.fromEntries(viewer.drawn));
  VIEWERS.set(parentElement, viewer);
  known?.observer.disconnect();
  viewer.cleanup = () => {
    VIEWERS.get(parentElement)?.observer.disconnect();
    VIEWERS.delete(parentElement);
  };
  layOut(viewer);
  drawNow(viewer);
  root.dataset.paintMs = (performance.now() - started).toFixed(0);
  root.dataset.ready = "true";
  return viewer.cleanup;
}

function defaultSettings() {
  return { isAiShown: true, opacity: 0.45, cutoff: 0, palette: "inferno", isContour: false };
}

// `known` is what was shown before: the reader's settings stay, and so do the views of images that stay.
function build(root, message, known) {
  const viewer = {
    root,
    settings: known?.settings ?? defaultSettings(),
    tool: known?.tool ?? "pan",
    isLinked: known?.isLinked ?? true,
    drawn: known?.drawn ?? new Map(),
    enlarged: null,
    isDrawing: false,
  };
  const stage = element("div", { class: "stage" });
  const strip = element("div", { class: "strip", "aria-label": "Further views", role: "group" });
  viewer.hung = message.cells.map((cell) => buildPane(cell, stage)).filter(Boolean);
  viewer.extra = message.strip.map((cell) => buildPane(cell, strip)).filter(Boolean);
  viewer.panes = [...viewer.hung, ...viewer.extra];
  const before = new Map(known?.panes.map((pane) => [pane.meta.key, pane.view]));
  const stays = viewer.panes.every((pane) => before.has(pane.meta.key));
  for (const pane of viewer.panes) {
    pane.view = (stays && before.get(pane.meta.key)) || newView();
  }
  viewer.active = viewer.panes[0] ?? null;
  viewer.hasHeat = viewer.panes.some((pane) => pane.heat);
  viewer.hasAi = viewer.hasHeat || viewer.panes.some((pane) => pane.meta.boxes.length > 0);
  const actions = actionsOf(viewer);
  viewer.toolbar = buildToolbar(viewer, actions);
  root.replaceChildren(viewer.toolbar, stage, ...(viewer.extra.length ? [strip] : []), buildStatus(viewer, message.legend));
  root.style.height = `${message.height}px`;
  for (const pane of viewer.panes) listen(viewer, pane, actions);
  listenToKeys(viewer, actions);
  viewer.observer = new ResizeObserver(() => {
    layOut(viewer);
    redraw(viewer);
  });
  viewer.observer.observe(stage);
  return viewer;
}

function buildPane(cell, parent) {
  const frame = element("div", { class: "pane" });
  frame.style.gridRow = cell.row + 1;
  frame.style.gridColumn = cell.column + 1;
  parent.append(frame);
  if (cell.missing) {
    frame.classList.add("missing");
    frame.textContent = cell.missing;
    return null;
  }
  const canvas = element("canvas", { "aria-hidden": "true" });
  const name = element("div", { class: "name" }, cell.title);
  const note = element("div", { class: "note" }, cell.note);
  const info = element("div", { class: "info" });
  const ruler = element("div", { class: "ruler" });
  const top = element("div", { class: "corner top" }, name, note);
  const bottom = element("div", { class: "corner bottom" }, ruler, info);
  frame.append(canvas, top, bottom);
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  frame.dataset.key = cell.key;
  if (cell.anchor === "left") frame.classList.add("hung-left"); // texts go to the outer side
  const { pixels, heat, ...meta } = cell;
  return {
    meta,
    frame,
    canvas,
    info,
    ruler,
    context: canvas.getContext("2d", { alpha: false }),
    levels: halvedLevels(pixels, meta.size),
    tableLength: 1 + pixels.reduce((most, value) => Math.max(most, value), 0),
    heat: heat && fineHeat(heat, meta.heatSize),
    lensAt: null,
    width: 1,
    height: 1,
    fit: 1,
  };
}

// Measures the cells; the reader's pan grows and shrinks with them.
function layOut(viewer) {
  for (const pane of viewer.panes) {
    pane.width = Math.max(1, pane.frame.clientWidth);
    pane.height = Math.max(1, pane.frame.clientHeight);
  }
  const shown = viewer.enlarged ? [viewer.enlarged] : viewer.hung;
  const fits = new Map();
  fitScales(shown).forEach((fit, i) => fits.set(shown[i], fit));
  for (const pane of viewer.panes) {
    const fit = fits.get(pane) ?? ownFit(pane);
    pane.view = { ...pane.view, panX: (pane.view.panX * fit) / pane.fit, panY: (pane.view.panY * fit) / pane.fit };
    pane.fit = fit;
  }
}

function redraw(viewer) {
  if (viewer.isDrawing) return;
  viewer.isDrawing = true;
  requestAnimationFrame(() => {
    viewer.isDrawing = false;
    drawNow(viewer);
  });
}

function drawNow(viewer) {
  const started = performance.now();
  for (const pane of viewer.panes) {
    if (pane.frame.hidden) continue;
    drawPane(pane, viewer);
    describe(pane, viewer);
  }
  refreshToolbar(viewer);
  const { active, root, settings } = viewer;
  if (!active) return;
  root.dataset.zoom = zoomPercent(active).toFixed(1);
  root.dataset.window = windowText(active);
  root.dataset.opacity = settings.isAiShown ? settings.opacity.toFixed(2) : "0.00";
  root.dataset.drawMs = (performance.now() - started).toFixed(1);
}

function windowText(pane) {
  const grey = adjustedWindow(pane.meta.windows[presetOf(pane)], pane.view);
  return `W ${Math.round(grey.width)} L ${Math.round(grey.centre)}`;
}

// The corner text, and the same in words for a screen reader.
function describe(pane, viewer) {
  const { meta } = pane;
  const zoom = `${Math.round(zoomPercent(pane))} %`;
  const reduced = meta.reduction > 1.005 ? ` of 1/${meta.reduction.toFixed(1)} size` : "";
  pane.info.textContent = `${windowText(pane)} · zoom ${zoom}${reduced}`;
  if (meta.isMirrored) pane.info.textContent += " · mirrored";
  if (meta.spacingMm) {
    const bar = scaleBar(pane);
    pane.ruler.style.width = `${bar.pixels}px`;
    pane.ruler.textContent = `${bar.length} mm${meta.isAtDetector ? " at the detector" : ""}`;
  }
  const ai = viewer.hasAi ? `, AI ${viewer.settings.isAiShown ? "shown" : "hidden"}` : "";
  pane.frame.setAttribute("aria-label", `${meta.title}, ${pane.info.textContent}${ai}`);
}

function actionsOf(viewer) {
  const together = (pane) => (viewer.isLinked && viewer.hung.includes(pane) ? viewer.hung : [pane]);
  const after = (act) => (...values) => {
    act(...values);
    redraw(viewer);
  };
  const change = after((pane, part) => {
    for (const each of together(pane)) each.view = { ...each.view, ...part };
  });
  const oneToOneAt = (pane, at) =>
    change(pane, zoomedAt(pane, 100 / zoomPercent(pane), ...at));
  return {
    change,
    oneToOneAt,
    zoom: (pane, factor, at) => change(pane, zoomedAt(pane, factor, ...at)),
    drag: after((pane, drag, now) => {
      if (drag.kind !== "box") return change(pane, draggedView(pane, drag, now));
      return viewer.drawn.set(pane.meta.key, draggedBox(pane, drag, now));
    }),
    finishBox: after((pane, drag, now) => {
      const box = draggedBox(pane, drag, now);
      if (isBox(box)) {
        viewer.drawn.set(pane.meta.key, box);
        viewer.send();
      } else if (drag.before) viewer.drawn.set(pane.meta.key, drag.before);
      else viewer.drawn.delete(pane.meta.key);
    }),
    eraseBox: after(() => {
      if (viewer.drawn.delete(viewer.active.meta.key)) viewer.send();
    }),
    moveLens: after((pane, at) => {
      pane.lensAt = viewer.tool === "lens" ? at : null;
    }),
    activate: after((pane) => {
      viewer.active = pane;
    }),
    useTool: after((tool) => {
      viewer.tool = tool;
      viewer.root.dataset.tool = tool;
      for (const pane of viewer.panes) pane.lensAt = null;
    }),
    set: after((part) => Object.assign(viewer.settings, part)),
    toggleAi: after(() => {
      viewer.settings.isAiShown = !viewer.settings.isAiShown;
    }),
    invert: () => change(viewer.active, { isInverted: !viewer.active.view.isInverted }),
    usePreset: (preset) => change(viewer.active, { preset, scale: 1, shift: 0 }),
    fit: () => change(viewer.active, { zoom: 1, panX: 0, panY: 0 }),
    reset: () => change(viewer.active, newView()),
    oneToOne: () => {
      const { width, height } = viewer.active;
      oneToOneAt(viewer.active, [width / 2, height / 2]);
    },
    link: after(() => {
      viewer.isLinked = !viewer.isLinked;
      if (viewer.isLinked) change(viewer.active, viewer.active.view);
    }),
    enlarge: after(() => enlarge(viewer, viewer.enlarged ? null : viewer.active)),
    leave: after(() => enlarge(viewer, null)),
    fullScreen: () =>
      document.fullscreenElement ? document.exitFullscreen() : viewer.root.requestFullscreen(),
  };
}

// One pane over the whole stage, and back.
function enlarge(viewer, pane) {
  viewer.enlarged = pane;
  viewer.root.classList.toggle("enlarged", pane !== null);
  for (const each of viewer.root.querySelectorAll(".pane")) {
    each.classList.toggle("large", each === pane?.frame);
    each.hidden = pane !== null && each !== pane.frame;
  }
  layOut(viewer);
}
