// The toolbar and the status line. Texts are set with textContent only: some come from files.

const SVG = "http://www.w3.org/2000/svg";

// Drawn for a 20 x 20 box, as strokes.
const ICONS = {
  pan: "M10 2v16M2 10h16M10 2l-2.5 2.5M10 2l2.5 2.5M10 18l-2.5-2.5M10 18l2.5-2.5M2 10l2.5-2.5M2 10l2.5 2.5M18 10l-2.5-2.5M18 10l-2.5 2.5",
  window: "M10 3a7 7 0 1 0 0 14a7 7 0 1 0 0-14M10 3v14M10 6h5M10 10h7M10 14h5",
  box: "M3 5h14v10H3zM1.5 5h3M3 3.5v3M15.500 15h3M17 13.500v3",
  lens: "M8.500 3a5.500 5.500 0 1 0 0 11a5.500 5.500 0 1 0 0-11M12.700 12.700L17.500 17.500M6 8.500h5M8.500 6v5",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  one: "M5 6l2-1.500V15M10 8v.01M10 12.500v.01M13 6l2-1.500V15",
  invert: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  link: "M8 12l4-4M9 6l1.500-1.500a3.500 3.500 0 0 1 5 5L14 11M11 14l-1.500 1.500a3.500 3.500 0 0 1-5-5L6 9",
  enlarge: "M3 4h14v12H3zM6 7h8v6H6z",
  full: "M12 3h5v5M17 3l-5.500 5.500M8 17H3v-5M3 17l5.500-5.500",
  reset: "M4 10a6 6 0 1 0 2-4.500M6 2v3.700h3.700",
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
  const input = element("input", { type: "range", min: 0, max: 100, step: 1, value });
  input.setAttribute("aria-label", label);
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

// Everything a button does is an entry of `actions` (see viewer.js), shared with the keyboard.
function buildToolbar(viewer, actions) {
  const { settings } = viewer;
  const bar = element("div", { class: "toolbar", role: "toolbar", "aria-label": "Image tools" });
  const tools = [
    ["pan", "Pan: drag (arrow keys)"],
    ["window", "Window and level: drag (or shift-drag, right-drag)"],
    ["box", "Draw a box"],
    ["lens", "Magnifier, without heatmap (M)"],
  ].map(([name, label]) => button(name, label, () => actions.useTool(name)));
  bar.append(
    group("Mouse", ...tools),
    group(
      "View",
      button("fit", "Fit (0)", actions.fit),
      button("one", "One image pixel per screen pixel (1, double-click)", actions.oneToOne),
      button("invert", "Invert grey (I)", actions.invert),
      button("enlarge", "Enlarge this image (F)", actions.enlarge),
      button("full", "Full screen", actions.fullScreen),
      button("reset", "Reset view and window (R)", actions.reset),
    ),
  );
  if (viewer.panes.length > 1) {
    bar.lastChild.append(button("link", "Move images together", actions.link));
  }
  const presets = viewer.panes
    .map((pane) => pane.meta.windows.map((preset) => preset.name))
    .reduce((longest, names) => (names.length > longest.length ? names : longest), []);
  bar.append(group("Window", select("Window preset", presets, actions.usePreset)));
  if (viewer.hasAi) bar.append(aiControls(settings, actions));
  return bar;
}

function aiControls(settings, actions) {
  const master = element("button", { type: "button", class: "switch", title: "Show AI (H)" }, "Show AI");
  master.dataset.act = "ai";
  master.onclick = actions.toggleAi;
  const palettes = Object.keys(COLOUR_MAPS);
  const palette = select("Heatmap colours", palettes, (i) => actions.set({ palette: palettes[i] }));
  const style = select("Heatmap style", ["colour", "contours"], (i) => actions.set({ isContour: i === 1 }));
  const opacity = slider("Heatmap opacity", 100 * settings.opacity, (value) =>
    actions.set({ opacity: value }),
  );
  const cutoff = slider("Hide heat below", 100 * settings.cutoff, (value) =>
    actions.set({ cutoff: value }),
  );
  return element(
    "div",
    { class: "group ai", role: "group", "aria-label": "AI overlay" },
    master,
    labelled("Opacity", opacity),
    labelled("Cut-off", cutoff),
    palette,
    style,
  );
}

// Shows on the buttons what is on; called after every action.
function refreshToolbar(viewer) {
  const { toolbar, settings, active } = viewer;
  const pressed = {
    pan: viewer.tool === "pan",
    window: viewer.tool === "window",
    box: viewer.tool === "box",
    lens: viewer.tool === "lens",
    invert: active?.view.isInverted,
    enlarge: viewer.enlarged !== null,
    link: viewer.isLinked,
    ai: settings.isAiShown,
  };
  for (const each of toolbar.querySelectorAll("button[data-act]")) {
    if (each.dataset.act in pressed) each.setAttribute("aria-pressed", Boolean(pressed[each.dataset.act]));
  }
  const presets = toolbar.querySelector('[aria-label="Window preset"]');
  if (active) presets.value = String(presetOf(active));
  if (viewer.bar) viewer.bar.style.background = cssGradient(settings.palette);
}

function buildStatus(viewer, legend) {
  const status = element("div", { class: "status" });
  if (viewer.hasHeat) {
    viewer.bar = element("span", { class: "bar", "aria-hidden": "true" });
    status.append(
      element("span", { class: "legend" }, legend.text),
      element("span", {}, legend.low_text),
      viewer.bar,
      element("span", {}, legend.high_text),
    );
  }
  const hint = "drag: pan · wheel: zoom · shift-drag: window · double-click: 1:1";
  status.append(element("span", { class: "hint" }, viewer.hasAi ? `${hint} · H: show AI` : hint));
  return status;
}
