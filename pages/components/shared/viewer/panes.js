// A pane: its element, its pixels ready to draw, its size on the screen, its words.

function buildPane(cell, parent) {
  const frame = element("div", { class: "pane" });
  frame.style.setProperty("--row", cell.row);
  frame.style.setProperty("--column", cell.column);
  parent.append(frame);
  if (cell.missing) {
    frame.classList.add("missing");
    frame.textContent = cell.missing;
    return null;
  }
  const { pixels, heat, ...meta } = cell;
  const canvas = element("canvas", { "aria-hidden": "true" });
  const info = element("div", { class: "info" });
  const ruler = element("div", { class: "ruler" });
  const notes = meta.notes.map((note) => element("div", {}, note));
  frame.append(
    canvas,
    element("div", { class: "corner top" }, element("div", { class: "name" }, meta.name), ...notes),
    element("div", { class: "corner bottom" }, ruler, info),
  );
  frame.tabIndex = 0;
  frame.setAttribute("role", "application"); // it has keys of its own
  frame.dataset.key = meta.key;
  if (meta.anchor === "left") frame.classList.add("hung-left"); // words go to the outer side
  return {
    meta,
    frame,
    canvas,
    info,
    ruler,
    context: canvas.getContext("2d", { alpha: false }),
    levels: halvedLevels(pixels, meta.size),
    tableLength: largest(pixels) + 1,
    heat: heat && fineHeat(heat, meta.heatSize),
    view: newView(),
    lensAt: null,
    isAlone: false, // this and the three below are set by layOut
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
  const shared = fitScales(shown);
  for (const pane of viewer.panes) {
    const fit = shown.includes(pane) ? shared[shown.indexOf(pane)] : ownFit(pane);
    const { panX, panY } = pane.view;
    pane.view = { ...pane.view, panX: (panX * fit) / pane.fit, panY: (panY * fit) / pane.fit };
    pane.fit = fit;
    pane.isAlone = shown.length === 1;
  }
}

function windowText(pane) {
  const { width, centre } = adjustedWindow(pane.meta.windows[presetOf(pane)], pane.view);
  return `W ${Math.round(width)} L ${Math.round(centre)}`;
}

// The corner text, and the same for a screen reader.
function describe(pane, viewer) {
  const { meta, frame } = pane;
  const parts = [windowText(pane), `zoom ${Math.round(zoomPercent(pane))} %`];
  if (meta.reduction > 1.005) parts.push(`reduced ${meta.reduction.toFixed(1)}×`);
  if (meta.isMirrored) parts.push("mirrored");
  pane.info.textContent = parts.join(" · ");
  if (meta.spacingMm) {
    const bar = scaleBar(pane);
    pane.ruler.style.setProperty("--length", `${bar.pixels}px`);
    pane.ruler.textContent = `${bar.length} mm${meta.isAtDetector ? " at the detector" : ""}`;
  }
  const regions = meta.boxes.length ? `, regions: ${meta.boxes.length}` : "";
  const ai = viewer.settings.isAiShown ? `, AI shown${regions}` : ", AI hidden";
  const words = [meta.name, ...meta.notes, pane.info.textContent].join(", ");
  frame.setAttribute("aria-label", viewer.hasAi ? words + ai : words);
  frame.classList.toggle("active", viewer.panes.length > 1 && viewer.active === pane);
}
