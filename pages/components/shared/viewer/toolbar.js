// The toolbar and the status line. Texts are set with textContent only: some come from files.

const SVG = "http://www.w3.org/2000/svg";

// Drawn for a 20 x 20 box, as strokes.
const ICONS = {
  pan: "M10 2v16M2 10h16M10 2l-2.5 2.5M10 2l2.5 2.5M10 18l-2.5-2.5M10 18l2.5-2.5M2 10l2.5-2.5M2 10l2.5 2.5M18 10l-2.5-2.5M18 10l-2.5 2.5",
  window: "M10 3a7 7 0 1 0 0 14a7 7 0 1 0 0-14M10 3v14M10 6h5M10 10h7M10 14h5",
  box: "M3 5h14v10H3zM1.5 5h3M3 3.5v3M15.5 15h3M17 13.5v3",
  lens: "M8.5 3a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M12.7 12.7L17.5 17.5M6 8.5h5M8.5 6v5",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  one: "M5 6l2-1.5V15M10 8v.01M10 12.5v.01M13 6l2-1.5V15",
  invert: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  link: "M8 12l4-4M9 6l1.5-1.5a3.5 3.5 0 0 1 5 5L14 11M11 14l-1.5 1.5a3.5 3.5 0 0 1-5-5L6 9",
  enlarge: "M3 4h14v12H3zM6 7h8v6H6z",
  row: "M2 5h3.5v10H2zM6.5 5H10v10H6.5zM11 5h3.5v10H11zM15.5 5H19v10h-3.5z",
  full: "M12 3h5v5M17 3l-5.5 5.5M8 17H3v-5M3 17l5.5-5.5",
  region: "M5 3H3v4M15 3h2v4M17 13v4h-2M5 17H3v-4M8 8h4v4H8z",
  ruler: "M2.5 14.5l12-12l3 3l-12 12zM6 11l1.5 1.5M8.5 8.5l1.5 1.5M11 6l1.5 1.5",
  roi: "M3 10a7 5 0 1 0 14 0a7 5 0 1 0-14 0M10 8v4M8 10h4",
  facts: "M5 2.5h7l3 3v12H5zM7.5 9h5M7.5 11.5h5M7.5 14h3",
  truth: "M4 10.5l4 4l8-9",
  help: "M7.5 7.5a2.5 2.5 0 1 1 3.6 2.2c-.8.5-1.1 1-1.1 1.8M10 14.5v.1M10 2a8 8 0 1 0 0 16a8 8 0 1 0 0-16",
  erase: "M3 5h14v10H3zM7.5 7.5l5 5M12.5 7.5l-5 5",
  reset: "M4 10a6 6 0 1 0 2-4.5M6 2v3.7h3.7",
};

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 20 20", "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function button(name, label, act) {
  const made = element("button", { type: "button", title: label, "aria-label": label }, icon(name));
  made.dataset.act = name;
  made.onclick = act;
  return made;
}

function group(label, ...children) {
  return element("div", { class: "group", role: "group", "aria-label": label }, ...children);
}

function slider(label, value, change) {
  const range = { type: "range", min: 0, max: 100, step: 1, value: Math.round(100 * value) };
  const input = element("input", { ...range, "aria-label": label });
  input.oninput = () => change(Number(input.value) / 100);
  return input;
}

function labelled(text, control) {
  return element("label", {}, element("span", {}, text), control);
}

function select(label, options, change) {
  const made = element("select", { "aria-label": label });
  options.forEach((text, i) => made.append(element("option", { value: i }, text)));
  made.onchange = () => change(Number(made.value));
  return made;
}

const TOOLS = {
  pan: "Pan: drag (arrow keys)",
  window: "Window and level: drag (or shift-drag, right-drag)",
  ruler: "Ruler: drag (L)",
  roi: "Region, its mean and standard deviation: drag (O)",
  box: "Draw a box (B)",
  lens: "Magnifier, without heatmap (M)",
};

const BY_KEYS = "Enter places, arrows move, shift-arrows resize, Delete removes";

const HINTS = {
  pan: "drag: pan · wheel: zoom · shift-drag: window · double-click: 1:1 · ?: keys",
  window: "drag across: wider or narrower · drag down: darker · R: reset",
  ruler: `drag: measure · ${BY_KEYS}`,
  roi: `drag: mean and standard deviation of the stored pixels · ${BY_KEYS}`,
  box: `drag: draw a box · ${BY_KEYS}`,
  lens: "the lens shows the image without the heatmap · M: put it away",
};

function buildToolbar(viewer, actions) {
  const tools = Object.entries(TOOLS).map(([name, label]) =>
    button(name, label, () => actions.useTool(name)),
  );
  const views = [
    button("fit", "Fit the breast (0)", actions.fit),
    button("one", "One stored pixel per screen pixel (1, double-click)", actions.oneToOne),
    button("invert", "Invert grey (I)", actions.invert),
    button("reset", "Reset view and window (R)", actions.reset),
    button("full", "Full screen", actions.fullScreen),
  ];
  if (viewer.panes.length > 1) {
    if (viewer.hasRows) views.push(button("row", "All images in one row", actions.inOneRow));
    views.push(button("enlarge", "Only this image (F)", actions.enlarge));
    views.push(button("link", "Move images together", actions.link));
  }
  if (viewer.panes.some((pane) => pane.meta.facts.length)) {
    views.push(button("facts", "What is known of the file (D)", actions.toggleFacts));
  }
  if (viewer.hasTruth) views.push(button("truth", "Truth boxes (T)", actions.toggleTruth));
  views.push(button("help", "Keys (?)", () => showHelp(viewer, true)));
  viewer.eraser = button("erase", "Remove box, ruler or region (Delete)", actions.eraseShape);
  const presets = select("Window preset", presetNames(viewer.panes), actions.usePreset);
  viewer.presets = presets;
  const bar = element("div", { class: "toolbar", role: "group", "aria-label": "Image tools" });
  bar.append(group("Mouse", ...tools, viewer.eraser), group("View", ...views), presets);
  const names = hangingsOf(viewer).map(({ name }) => name);
  if (names.length > 1) {
    viewer.hangings = select("Hanging", names, (i) => actions.hang(names[i]));
    bar.append(viewer.hangings);
  }
  if (viewer.hasAi) bar.append(aiControls(viewer, actions));
  return bar;
}

// The pane with the most presets names them; the others follow as far as they can.
function presetNames(panes) {
  const names = panes.map((pane) => pane.meta.windows.map((preset) => preset.name));
  return names.reduce((most, some) => (some.length > most.length ? some : most), []);
}

function aiControls({ settings, hasHeat, hasRegions }, actions) {
  const master = element("button", { type: "button", class: "switch", title: "Show AI (H)" }, "Show AI");
  master.dataset.act = "ai";
  master.onclick = actions.toggleAi;
  const controls = element("div", { class: "group ai", role: "group", "aria-label": "AI" }, master);
  if (hasRegions) controls.append(button("region", "Next region (N)", actions.nextRegion));
  if (!hasHeat) return controls;
  const palettes = Object.keys(COLOUR_MAPS);
  const palette = select("Heatmap colours", palettes, (i) => actions.set({ palette: palettes[i] }));
  palette.value = palettes.indexOf(settings.palette);
  const styles = ["colour", "contours"];
  const style = select("Heatmap style", styles, (i) => actions.set({ isContour: i === 1 }));
  style.value = Number(settings.isContour);
  const opacity = slider("Heatmap opacity", settings.opacity, (value) => actions.set({ opacity: value }));
  const cutoff = slider("Hide heat below", settings.cutoff, (value) => actions.set({ cutoff: value }));
  controls.append(labelled("Opacity", opacity), labelled("Cut-off", cutoff), palette, style);
  return controls;
}

// Shows on the controls what is on; called with every drawing.
function refreshControls(viewer) {
  const { toolbar, settings, active, tool } = viewer;
  const pressed = {
    ...Object.fromEntries(Object.keys(TOOLS).map((name) => [name, tool === name])),
    invert: active.view.isInverted,
    enlarge: viewer.enlarged !== null,
    link: viewer.isLinked,
    row: viewer.isRow,
    truth: viewer.isTruthShown,
    facts: viewer.areFactsShown,
    ai: settings.isAiShown,
  };
  for (const each of toolbar.querySelectorAll("button[data-act]")) {
    const { act } = each.dataset;
    if (act in pressed) each.setAttribute("aria-pressed", pressed[act]);
  }
  viewer.eraser.hidden = !SHAPE_TOOLS.some((one) => shapesOf(viewer, one).has(active.meta.key));
  if (viewer.hangings) {
    viewer.hangings.value = hangingsOf(viewer).findIndex(({ name }) => name === hangingOf(viewer).name);
  }
  viewer.presets.value = presetOf(active);
  const ofAi = (viewer.hasAi ? " · H: AI" : "") + (viewer.hasRegions ? " · N: next region" : "");
  viewer.hint.textContent = HINTS[tool] + (tool === "pan" ? ofAi : "");
  if (!viewer.bar) return;
  const cut = `${100 * settings.cutoff}%`; // what is hidden on the images is dark on the bar
  const shade = `linear-gradient(to right, #14181d ${cut}, transparent ${cut})`;
  viewer.bar.style.background = `${shade}, ${cssGradient(settings.palette)}`;
}

function buildStatus(viewer, legend) {
  const status = element("div", { class: "status" });
  if (viewer.hasHeat) {
    viewer.bar = element("span", { class: "bar", "aria-hidden": "true" });
    const ends = [legend.low_text, legend.high_text].map((text) => element("span", {}, text));
    status.append(element("span", { class: "legend" }, legend.text), ends[0], viewer.bar, ends[1]);
    if (legend.said) status.append(element("span", { class: "said" }, legend.said));
  }
  viewer.value = element("span", { class: "value" });
  viewer.hint = element("span", { class: "hint" });
  const pointer = element("span", { class: "pointer" });
  pointer.append(viewer.value, viewer.hint);
  status.append(pointer);
  return status;
}
