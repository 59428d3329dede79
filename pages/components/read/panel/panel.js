// What a model says of a case: each score among those of cases it had not seen, with the threshold
// in force. Another threshold may be tried here by dragging or by keys: it stays in this view, and
// Python never hears of it, so nothing locked can change.

const PANELS = new WeakMap(); // by parent element
const BINS = 60;
const HEIGHT = 46;
const MIDDLE = 21;
const THUMB = 8; // half the width of a range input's thumb, which its track is shorter by
const STEP = 0.01;
const SVG = "http://www.w3.org/2000/svg";

export default function ({ data, parentElement }) {
  const panel = PANELS.get(parentElement) ?? begin(parentElement);
  if (panel.data?.key !== data.key) panel.tried = null;
  panel.data = data;
  build(panel);
  return () => {
    panel.observer.disconnect();
    PANELS.delete(parentElement);
  };
}

function begin(parentElement) {
  const panel = { root: parentElement.querySelector(".panel"), tried: null };
  panel.observer = new ResizeObserver(() => draw(panel));
  panel.observer.observe(panel.root);
  PANELS.set(parentElement, panel);
  return panel;
}

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== ""));
  return made;
}

function build(panel) {
  const { data, root } = panel;
  panel.headline = element("p", { class: "headline" });
  panel.aside = element("p", { class: "aside" });
  panel.back = element("button", { type: "button" });
  panel.back.onclick = () => tryOut(panel, null);
  panel.told = element("span", {});
  panel.trying = element("p", { class: "trying", role: "status" }, panel.told, " ", panel.back);
  panel.rows = data.rows.map((row) => buildRow(panel, row));
  const alarm = data.alarm ? [element("p", { class: "alarm" }, data.alarm)] : [];
  const stamp = data.stamp ? [element("p", { class: "stamp" }, data.stamp)] : [];
  const legend = element("p", { class: "legend" }, data.legend);
  legend.hidden = !legend.textContent;
  root.replaceChildren(
    ...stamp, ...alarm, panel.headline, panel.aside, panel.trying, ...panel.rows.map((row) => row.root), legend,
  );
  draw(panel);
  root.dataset.ready = "true";
}

function buildRow(panel, row) {
  const side = element("span", { class: "side" });
  const name = element(
    "div", { class: "name" },
    element("span", { class: "title" }, row.title), side, element("span", { class: "score" }, row.shown),
  );
  const note = row.note ? [element("div", { class: "note" }, row.note)] : [];
  const strip = element("div", { class: "strip" });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", row.alt);
  strip.append(svg);
  strip.hidden = !row.side && row.positive.length + row.other.length === 0; // an axis of nothing
  let track = null;
  if (row.side) {
    track = element("input", { type: "range", min: 0, max: 1, step: "any", title: "Drag to try another threshold" });
    track.setAttribute("aria-label", `Try another threshold, ${row.title}`);
    track.oninput = () => tryOut(panel, Math.round(1000 * Number(track.value)) / 1000);
    track.onkeydown = (event) => {
      const next = keyTarget(inForce(panel), event.key);
      if (next === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      tryOut(panel, next);
    };
    strip.append(track);
  }
  return { row, root: element("div", { class: "row" }, name, ...note, strip), side, svg, track };
}

function keyTarget(at, key) {
  const within = (value) => Math.min(1, Math.max(0, Math.round(1000 * value) / 1000));
  return {
    ArrowRight: within(at + STEP), ArrowUp: within(at + STEP), ArrowLeft: within(at - STEP),
    ArrowDown: within(at - STEP), PageUp: within(at + 0.1), PageDown: within(at - 0.1), Home: 0, End: 1,
    Escape: null,
  }[key];
}

function inForce({ tried, data }) {
  return tried ?? data.threshold;
}

function tryOut(panel, threshold) {
  panel.tried = threshold === panel.data.threshold ? null : threshold;
  draw(panel);
}

// At the threshold in force Python has judged; at one that is tried, a score at it is called too.
function sideOf(panel, row) {
  if (!row.side || panel.tried === null) return row.side;
  return row.score >= panel.tried ? "above" : "below";
}

function draw(panel) {
  const { data, tried } = panel;
  const isTried = tried !== null;
  const judged = data.rows.filter((row) => row.side);
  const above = judged.filter((row) => sideOf(panel, row) === "above").map((row) => row.title.toLowerCase());
  panel.headline.textContent = isTried
    ? above.length ? `Score above ${tried.toFixed(3)}: ${above.join(", ")}.` : `Score below ${tried.toFixed(3)}.`
    : data.headline;
  panel.headline.hidden = !panel.headline.textContent;
  panel.aside.textContent = isTried ? (above.length < judged.length ? data.belowAside : "") : data.aside;
  panel.aside.hidden = !panel.aside.textContent;
  panel.trying.hidden = !isTried;
  panel.told.textContent = isTried ? `Tried in this view alone. ${countsAt(data, judged, tried)}` : "";
  panel.back.textContent = isTried ? `Back to ${data.shownThreshold}` : "";
  for (const one of panel.rows) drawRow(panel, one);
  panel.root.dataset.threshold = inForce(panel) ?? "";
}

function countsAt({ where, having }, judged, threshold) {
  const row = judged.find(({ positive, other }) => positive.length + other.length > 0);
  if (!row) return "";
  const called = (scores) => scores.filter((score) => score >= threshold).length;
  return (
    `${where} it calls ${called(row.positive)} of ${row.positive.length} ${row.nouns} with ${having} ` +
    `and ${called(row.other)} of ${row.other.length} without.`
  );
}

function drawRow(panel, { row, side, svg, track }) {
  const told = sideOf(panel, row);
  side.textContent = told;
  side.dataset.side = told;
  side.dataset.mark = { above: "▲", below: "▼" }[told] ?? "";
  side.hidden = !told;
  const threshold = inForce(panel);
  if (track) {
    track.value = threshold;
    track.setAttribute("aria-valuetext", `${threshold.toFixed(3)}: ${told}`);
  }
  const width = svg.clientWidth;
  if (!width) return;
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const at = (value) => THUMB + Math.min(1, Math.max(0, value)) * (width - 2 * THUMB);
  const shapes = [shape("line", { x1: at(0), x2: at(1), y1: MIDDLE, y2: MIDDLE, class: "axis" })];
  shapes.push(...bars(row.positive, at, -1, "cancer"), ...bars(row.other, at, 1, "other"));
  if (row.side) {
    const x = at(threshold);
    shapes.push(shape("line", { x1: x, x2: x, y1: 0, y2: HEIGHT - 6, class: "threshold" }));
    shapes.push(shape("path", { d: `M${x - 5} ${HEIGHT} h10 l-5 -7 z`, class: "grip" }));
  }
  const x = at(row.score);
  const diamond = `M${x} ${MIDDLE - 8} l6 8 l-6 8 l-6 -8 z`;
  shapes.push(shape("path", { d: diamond, class: `mark ${told}` }));
  svg.replaceChildren(...shapes);
}

// Those with the finding stand up, filled; the others hang down, hollow; by the square root of their count, so
// that one case among thousands is still seen.
function bars(scores, at, direction, name) {
  const counts = new Array(BINS).fill(0);
  for (const score of scores) counts[Math.min(BINS - 1, Math.floor(score * BINS))] += 1;
  const most = Math.max(...counts, 1);
  const wide = (at(1) - at(0)) / BINS;
  return counts.flatMap((count, bin) => {
    if (!count) return [];
    const tall = Math.max(2, Math.sqrt(count / most) * (MIDDLE - 3));
    const y = direction < 0 ? MIDDLE - tall : MIDDLE;
    return [shape("rect", { x: at(0) + bin * wide + 0.5, y, width: Math.max(1, wide - 1), height: tall, class: name })];
  });
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
