// A pane: its element, its pixels ready to draw, its size on the screen, its words.

// A place on the stage or the strip: its frame, and its pane where there is an image.
function buildCell(viewer, cell, parent) {
  const frame = element("div", { class: "pane" });
  parent.append(frame);
  const { row, column } = cell;
  if (!cell.missing) return { frame, row, column, pane: buildPane(viewer, cell, frame) };
  frame.classList.add("missing");
  frame.textContent = cell.missing;
  return { frame, row, column, pane: null };
}

function buildPane(viewer, cell, frame) {
  const { pixels, heat, ...meta } = cell;
  const canvas = element("canvas", { "aria-hidden": "true" });
  const info = element("div", { class: "info" });
  const ruler = element("div", { class: "ruler" });
  const notes = meta.notes.map((note) => element("div", {}, note));
  const [share, ...ofWhat] = meta.faint.split(/(?= of full colour)/);
  const faint = element("div", { class: "faint" }, share, ...ofWhat.map((words) => element("span", {}, words)));
  const facts = element("dl", { class: "facts" });
  for (const [name, value] of meta.facts) facts.append(element("dt", {}, name), element("dd", {}, value));
  const top = element("div", { class: "corner top" }, element("div", { class: "name" }, meta.name));
  if (viewer.settled) top.append(buildChips(viewer, meta));
  top.append(...notes, faint, facts);
  frame.append(canvas, top, element("div", { class: "corner bottom" }, ruler, info));
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
    faint,
    facts,
    measured: [],
    context: canvas.getContext("2d", { alpha: false }),
    levels: halvedLevels(pixels, meta.size),
    tableLength: meta.fullSize ? 2 ** 16 : largest(pixels) + 1, // a mean is less than its largest
    tone: null,
    isGone: false, // where the stored pixels cannot be fetched any more
    heat: heat && fineHeat(heat, meta.heatSize),
    view: newView(),
    lensAt: null,
    isAlone: false, // this and the three below are set by layOut
    width: 1,
    height: 1,
    fit: 1,
  };
}

const CHIPS = {
  side: { R: "Right breast", L: "Left breast" },
  view: { CC: "CC, from above", MLO: "MLO, oblique" },
};

// What Python has applied, or can no more, is shown as Python tells it.
function forgetSettled({ chosen, settled }, cells) {
  const keys = new Set(cells.map(({ key }) => key));
  for (const [key, { at }] of chosen) {
    if (!keys.has(key) || settled?.[key] >= at) chosen.delete(key);
  }
}

// What the reader corrects: the page hangs the images anew. All choices are told each time, for
// Python may still be busy with the one before.
function buildChips(viewer, meta) {
  const { chosen, settled } = viewer;
  const saidOf = () => chosen.get(meta.key) ?? { side: meta.side, view: meta.view, at: settled[meta.key] ?? 0 };
  const chips = element("div", { class: "chips" });
  for (const [part, values] of Object.entries(CHIPS)) {
    const label = `${part === "side" ? "Side" : "View"} of ${meta.name}`;
    const group = element("div", { class: "chip", role: "group", "aria-label": label });
    if (!saidOf()[part]) group.classList.add("unknown");
    for (const [value, title] of Object.entries(values)) {
      const chip = element("button", { type: "button", title, "aria-pressed": saidOf()[part] === value }, value);
      chip.onclick = () => {
        const said = saidOf();
        if (said[part] === value) return;
        chosen.set(meta.key, { ...said, [part]: value, at: Math.max(Date.now(), said.at + 1) });
        group.classList.remove("unknown");
        for (const one of group.children) one.setAttribute("aria-pressed", one === chip);
        viewer.tellChosen();
      };
      group.append(chip);
    }
    chips.append(group);
  }
  for (const name of ["pointerdown", "dblclick"]) {
    chips.addEventListener(name, (event) => event.stopPropagation()); // no drag begins on them
  }
  return chips;
}

function windowText(pane) {
  const { width, centre } = adjustedWindow(pane.meta.windows[presetOf(pane)], pane.view);
  return `W ${Math.round(width)} L ${Math.round(centre)}`;
}

// The corner text, and the same for a screen reader.
function describe(pane, viewer) {
  const { meta, frame } = pane;
  const parts = [windowText(pane), `zoom ${Math.round(zoomPercent(pane))} %`];
  if (reducedBy(pane) > 1) parts.push(`reduced ${meta.reduction.toFixed(1)}×`);
  if (meta.isMirrored) parts.push("mirrored");
  if (pane.isGone) parts.push("full resolution is no longer there");
  pane.info.textContent = parts.join(" · ");
  if (meta.spacingMm) {
    const bar = scaleBar(pane);
    pane.ruler.style.setProperty("--length", `${bar.pixels}px`);
    pane.ruler.textContent = `${bar.length} mm${meta.isAtDetector ? " at the detector" : ""}`;
  }
  pane.faint.hidden = !meta.faint || !viewer.settings.isAiShown;
  pane.facts.hidden = !viewer.areFactsShown || !meta.facts.length;
  const regions = meta.boxes.length ? `, regions: ${meta.boxes.length}` : "";
  const ai = viewer.settings.isAiShown ? `, AI shown${regions}` : ", AI hidden";
  const seen = pane.faint.hidden ? [] : [meta.faint];
  const words = [meta.name, ...meta.notes, ...seen, pane.info.textContent, ...pane.measured].join(", ");
  frame.setAttribute("aria-label", viewer.hasAi ? words + ai : words);
  frame.classList.toggle("active", viewer.panes.length > 1 && viewer.active === pane);
}
