// The confusion matrix and its rates at a threshold the reader drags. Two searches in sorted scores
// give every number, so 100,000 cases follow the mouse; Python hears of the release alone, and of
// the bar or the cell whose cases are asked for.

const SLIDERS = new WeakMap(); // by parent element
const BINS = 100;
const TRACK_STEPS = 1000; // the finest drag; keys and the number box are exact
const PAGE = 0.01; // of all cases
const KEY_RELEASE = 400; // ms without a key that count as a release
const BEYOND = 2; // above every score: the last bar holds what scores 1
const THUMB = 8; // half the width of the slider's thumb, which the track is shorter by

const COUNTED = { image: "images", breast: "breasts", exam: "exams", patient: "women" };

const AXES = {
  score: "score",
  rank: "rank of the case",
};

// Where each rate stands in the matrix: beside its row, or under its column.
const CELLS = [
  { outcome: "found", row: 2, column: 2, of: "with" },
  { outcome: "missed", row: 2, column: 3, of: "with" },
  { outcome: "false alarm", words: "false alarms", row: 3, column: 2, of: "without" },
  { outcome: "not called", row: 3, column: 3, of: "without" },
];
const PLACES = {
  "Sensitivity (recall)": [2, 4],
  Specificity: [3, 4],
  PPV: [4, 2],
  NPV: [4, 3],
  "Recall rate": [4, 4],
};

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const known = SLIDERS.get(parentElement);
  if (known?.data === data) {
    drawClasses(known); // the theme changed
    return known.cleanUp;
  }
  const slider = known ?? build(parentElement.querySelector(".threshold"));
  const { header, next } = openMessage(data);
  const isAhead = answersEarlierStep(slider, header);
  const tell = unlessLeaving(parentElement, setStateValue);
  const trigger = unlessLeaving(parentElement, setTriggerValue);
  Object.assign(slider, { data, header });
  slider.positives = next(Float64Array, header.positives);
  slider.negatives = next(Float64Array, header.negatives);
  slider.all = new Float64Array(header.positives + header.negatives);
  slider.all.set(slider.positives);
  slider.all.set(slider.negatives, header.positives);
  slider.all.sort();
  slider.send = () => {
    clearTimeout(slider.timer);
    const value = slider.threshold;
    if (slider.isMoved) {
      slider.sent.push(value);
      tell("threshold", { value, of: slider.header.of });
    }
    slider.isMoved = false;
  };
  slider.open = (asked) => {
    slider.send();
    trigger("opened", asked);
    showPanel();
  };
  slider.cleanUp = () => {
    slider.observer.disconnect();
    clearTimeout(slider.timer);
    SLIDERS.delete(parentElement);
  };
  SLIDERS.set(parentElement, slider);
  moveTo(slider, isAhead ? slider.threshold : header.threshold);
  slider.isMoved &&= isAhead;
  const { canvas } = slider;
  canvas.tabIndex = slider.header.opens ? 0 : -1;
  canvas.setAttribute("aria-label", "Scores: arrow keys choose a bar, Enter shows its cases");
  slider.root.dataset.ready = "true";
  return slider.cleanUp;
}

// What answers an earlier step must not take back those that were made, or sent, meanwhile.
function answersEarlierStep(slider, header) {
  if (header.of !== slider.header?.of) {
    slider.sent = [];
    slider.isMoved = false;
    return false;
  }
  const at = slider.sent.indexOf(header.threshold);
  const isKnown = at >= 0 || header.threshold === slider.header.threshold;
  slider.sent = isKnown ? slider.sent.slice(at + 1) : [];
  return slider.isMoved || slider.sent.length > 0;
}

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function build(root) {
  const slider = { root, axis: "score", timer: 0, isMoved: false, sent: [] };
  slider.canvas = make("canvas", { role: "group" });
  slider.bar = null; // under the pointer or chosen by key: { bin, isPositive }
  slider.told = make("span", { "aria-live": "polite" });
  slider.track = make("input", { type: "range", min: 0, max: 1, step: "any" });
  slider.track.setAttribute("aria-label", "Decision threshold");
  slider.box = make("input", { type: "number", min: 0, max: 1, step: "any" });
  slider.axisChoice = make("select");
  for (const [value, text] of Object.entries(AXES)) {
    slider.axisChoice.append(make("option", { value }, text));
  }
  slider.rates = buildMatrix(slider);
  slider.screening = make("p", { class: "screening" });
  slider.with = make("span");
  slider.without = make("span");
  const scale = make("span", {}, "bar height: square root of the number of cases in it");
  const classes = make(
    "div",
    { class: "classes" },
    make("div", { class: "class-name" }, slider.with, slider.told),
    slider.canvas,
    make("div", { class: "class-name" }, slider.without, scale),
  );
  const settings = make("div", { class: "settings" });
  settings.append(
    make("label", {}, "Threshold", slider.box),
    make("label", {}, "Move along", slider.axisChoice),
    make("span", { class: "rule" }, "A case that scores at least this is called."),
  );
  root.replaceChildren(classes, slider.track, settings, slider.rates, slider.screening);
  listen(slider);
  listenToBars(slider);
  slider.observer = new ResizeObserver(() => drawClasses(slider));
  slider.observer.observe(root);
  return slider;
}

function listen(slider) {
  const { track, box, axisChoice } = slider;
  track.oninput = () => moveTo(slider, scoreAt(slider, Number(track.value)), Number(track.value));
  track.onchange = () => slider.send();
  track.onkeydown = (event) => {
    const next = keyTarget(slider, event.key);
    if (next === undefined) return;
    event.preventDefault();
    moveTo(slider, next);
    clearTimeout(slider.timer);
    slider.timer = setTimeout(slider.send, KEY_RELEASE);
  };
  box.onchange = () => {
    if (box.value === "" || !box.checkValidity()) box.value = slider.threshold;
    else moveTo(slider, Number(box.value));
    slider.send();
  };
  axisChoice.onchange = () => {
    slider.axis = axisChoice.value;
    show(slider);
  };
}

// An arrow goes to the next score at which another case is called: no step is empty, none skips.
function keyTarget({ all, threshold }, key) {
  const page = Math.max(1, Math.round(PAGE * all.length));
  const called = below(all, threshold); // the index of the lowest score that is called
  const above = aboveOrAt(all, threshold); // the first score above the threshold
  const at = (index) => (index < 0 ? 0 : (all[index] ?? 1));
  return {
    ArrowRight: () => at(above),
    ArrowUp: () => at(above),
    ArrowLeft: () => at(called - 1),
    ArrowDown: () => at(called - 1),
    PageUp: () => at(Math.max(above, called + page)),
    PageDown: () => at(called - page),
    Home: () => 0,
    End: () => 1,
  }[key]?.();
}

// How many of the sorted scores lie below `threshold`; those at it are called.
function below(scores, threshold) {
  let low = 0;
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scores[middle] < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

// How many lie below it or exactly at it.
function aboveOrAt(scores, threshold) {
  let index = below(scores, threshold);
  while (index < scores.length && scores[index] === threshold) index += 1;
  return index;
}

// The track runs along the scores, or along the cases in the order of their scores: where most
// scores are crowded into a corner, only the second gives every case its room.
function scoreAt({ axis, all }, position) {
  if (axis === "score") return Math.round(position * TRACK_STEPS) / TRACK_STEPS;
  const index = Math.floor(position * all.length);
  return position <= 0 ? 0 : (all[index] ?? 1);
}

function positionOf({ axis, all }, score) {
  return axis === "score" ? score : below(all, score) / Math.max(1, all.length);
}

function moveTo(slider, threshold, position) {
  slider.isMoved ||= threshold !== slider.threshold;
  slider.threshold = threshold;
  show(slider, position);
}

function show(slider, position = positionOf(slider, slider.threshold)) {
  const outcome = outcomeAt(slider);
  slider.position = position;
  slider.track.value = position;
  slider.box.value = Number(slider.threshold.toFixed(6));
  showRates(slider, outcome);
  showScreening(slider, outcome);
  drawClasses(slider);
  const words = `${slider.box.value}: sensitivity ${percent(outcome.found, outcome.positives)}, ` +
    `specificity ${percent(outcome.leftAlone, outcome.negatives)}`;
  slider.track.setAttribute("aria-valuetext", words);
  slider.root.dataset.threshold = slider.threshold;
}

function outcomeAt({ positives, negatives, threshold }) {
  const missed = below(positives, threshold);
  const leftAlone = below(negatives, threshold);
  return {
    missed,
    found: positives.length - missed,
    positives: positives.length,
    leftAlone,
    alarms: negatives.length - leftAlone,
    negatives: negatives.length,
  };
}

// Truth in rows, call in columns, as everybody draws it; what is counted along a row or a column
// stands at its end.
function buildMatrix(slider) {
  const at = (row, column) => `grid-area: ${row} / ${column}`;
  const head = (text, row, column) => make("span", { class: "head", style: at(row, column) }, text);
  slider.cells = CELLS.map(({ outcome, words, row, column, of }) => {
    const count = make("b");
    const cell = make(
      "button",
      { type: "button", class: `cell ${outcome.replace(" ", "-")}`, style: at(row, column) },
      count,
      make("span", {}, words ?? outcome),
    );
    cell.onclick = () => slider.open(outcome);
    return { outcome, words: words ?? outcome, of, cell, count };
  });
  slider.figures = Object.entries(PLACES).map(([name, [row, column]]) => {
    const [value, counts, interval] = ["value", "counts", "interval"].map((part) =>
      make("span", { class: part }),
    );
    const title = make("span");
    const box = make("div", { style: at(row, column) }, title, value, counts, interval);
    return { name, box, title, value, counts, interval };
  });
  slider.row = head("", 2, 1); // what the cases of its row have
  return make(
    "section",
    { class: "rates", "aria-label": "Confusion matrix and rates" },
    head("called", 1, 2),
    head("not called", 1, 3),
    slider.row,
    head("without", 3, 1),
    ...slider.cells.map(({ cell }) => cell),
    ...slider.figures.map(({ box }) => box),
  );
}

function showRates(slider, { missed, found, positives, leftAlone, alarms, negatives }) {
  const cases = COUNTED[slider.header.level];
  const { one, several } = slider.header.finding;
  const called = found + alarms;
  const rates = {
    "Sensitivity (recall)": [found, positives, `${count(missed)} of ${count(positives)} ${several} missed`],
    Specificity: [leftAlone, negatives, `${count(alarms)} of ${count(negatives)} without ${one} called`],
    "Recall rate": [called, positives + negatives, `${count(called)} of ${count(positives + negatives)} ${cases} called`],
    PPV: [found, called, `${count(found)} of ${count(called)} called have ${one}`],
    NPV: [leftAlone, leftAlone + missed, `${count(leftAlone)} of ${count(leftAlone + missed)} not called have none`],
  };
  const { rates: told, opens } = slider.header;
  const isAtRest = slider.threshold === slider.header.threshold;
  for (const { name, box, title, value, counts, interval } of slider.figures) {
    const [part, whole, words] = rates[name];
    title.textContent = told[name]?.title ?? name;
    box.title = isAtRest && told[name] ? told[name].about : "";
    value.textContent = percent(part, whole);
    counts.textContent = words;
    interval.hidden = !told[name];
    interval.textContent = (isAtRest && told[name]?.interval) || "\u00a0"; // holds its place meanwhile
  }
  slider.row.textContent = `with ${one}`;
  const counted = { found, missed, "false alarm": alarms, "not called": leftAlone };
  for (const cell of slider.cells) {
    const number = counted[cell.outcome];
    const whole = cell.of === "with" ? positives : negatives;
    cell.count.textContent = count(number);
    cell.cell.disabled = !opens || !number;
    cell.cell.setAttribute(
      "aria-label",
      `${count(number)} ${cell.words} of ${count(whole)} ${cell.of} ${one}${opens ? ": show these cases" : ""}`,
    );
  }
}

// What the same sensitivity and specificity mean where cancer is as rare as it is in screening.
function showScreening({ screening, header }, { found, positives, leftAlone, negatives }) {
  const { prevalence, finding } = header;
  screening.hidden = prevalence === null || !positives || !negatives;
  if (screening.hidden) return;
  const cancersFound = (1000 * prevalence * found) / positives;
  const alarms = 1000 * (1 - prevalence) * (1 - leftAlone / negatives);
  const called = cancersFound + alarms;
  const missed = 1000 * prevalence - cancersFound;
  screening.textContent =
    `Per 1,000 ${COUNTED[header.level]}, ${few(1000 * prevalence)} of them with ${finding.one}: ${few(called)} called, ` +
    `${few(cancersFound)} ${finding.several} found, ${few(missed)} missed, ${few(alarms)} false alarms` +
    (called > 0 ? ` (PPV ${percent(cancersFound, called)}).` : ".");
}

// As Python writes it: of two equally near, the even one. toFixed takes the larger, and the only
// halves of a tenth that a number can hold exactly are .25 and .75.
function percent(part, whole) {
  if (whole <= 0) return "–";
  const value = 100 * (part / whole);
  return `${(value % 1 === 0.25 ? value - 0.05 : value).toFixed(1)} %`;
}

function count(number) {
  return number.toLocaleString("en");
}

function few(number) {
  return number.toFixed(number < 10 ? 1 : 0);
}

// Cancers upwards, the others downwards, each to its own tallest bar; what is called is solid.
// By the square root of the count: where most scores crowd the ends, a few cases in the middle
// would else be less than a pixel.
function drawClasses(slider) {
  const { canvas, header } = slider;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!header || !width) return;
  const ratio = window.devicePixelRatio;
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const style = getComputedStyle(slider.root);
  const middle = height / 2;
  const left = THUMB;
  const room = width - 2 * THUMB;
  const bars = [
    [slider.positives, style.getPropertyValue("--cancer"), -1],
    [slider.negatives, style.getPropertyValue("--other"), 1],
  ];
  for (const [scores, colour, direction] of bars) {
    const counts = binned(slider, scores);
    const most = Math.max(...counts, 1);
    context.fillStyle = colour;
    counts.forEach((number, bin) => {
      const tall = Math.sqrt(number / most) * (middle - 4);
      context.globalAlpha = (bin + 0.5) / BINS >= slider.position ? 1 : 0.35;
      context.fillRect(left + (bin * room) / BINS, middle, room / BINS - 1, direction * tall);
    });
    if (slider.bar && slider.bar.isPositive === direction < 0) {
      context.globalAlpha = 1;
      context.strokeStyle = style.color;
      context.strokeRect(left + (slider.bar.bin * room) / BINS - 1, middle, room / BINS + 1, direction * (middle - 1));
    }
  }
  context.globalAlpha = 1;
  context.fillStyle = style.color;
  context.fillRect(left, middle, room, 1);
  context.fillRect(left + slider.position * room - 1, 0, 2, height);
  slider.with.textContent = `with ${header.finding.one} (${count(header.positives)})`;
  slider.without.textContent = `without ${header.finding.one} (${count(header.negatives)})`;
}

// The bars: the pointer or the arrow keys choose one, a click or Enter asks for its cases.
function listenToBars(slider) {
  const { canvas } = slider;
  const choose = (bar) => {
    slider.bar = bar;
    drawClasses(slider);
    tellBar(slider);
  };
  const under = (event) => {
    const share = (event.offsetX - THUMB) / (canvas.clientWidth - 2 * THUMB);
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(share * BINS)));
    return { bin, isPositive: event.offsetY < canvas.clientHeight / 2 };
  };
  canvas.onpointermove = (event) => choose(under(event));
  canvas.onpointerleave = () => choose(null);
  canvas.onblur = () => choose(null);
  canvas.onclick = (event) => {
    choose(under(event));
    openBar(slider);
  };
  canvas.onkeydown = (event) => {
    if (event.key === "Enter" || event.key === " ") openBar(slider);
    else if (event.key.startsWith("Arrow")) choose(nextBar(slider, event.key));
    else return;
    event.preventDefault();
  };
}

// Left and right to the next bar that holds a case, up and down to the other class.
function nextBar(slider, key) {
  const at = Math.min(BINS - 1, Math.floor(slider.position * BINS));
  const { bin, isPositive } = slider.bar ?? { bin: at, isPositive: true };
  if (key === "ArrowUp" || key === "ArrowDown") return { bin, isPositive: key === "ArrowUp" };
  const counts = binned(slider, isPositive ? slider.positives : slider.negatives);
  const step = key === "ArrowRight" ? 1 : -1;
  for (let next = bin + step; next >= 0 && next < BINS; next += step) {
    if (counts[next]) return { bin: next, isPositive };
  }
  return { bin, isPositive };
}

function barOf(slider) {
  const { bin, isPositive } = slider.bar;
  const low = borderOf(slider, bin);
  const high = bin === BINS - 1 ? BEYOND : borderOf(slider, bin + 1);
  const scores = isPositive ? slider.positives : slider.negatives;
  return { low, high, isPositive, number: below(scores, high) - below(scores, low) };
}

function tellBar(slider) {
  if (!slider.bar) {
    slider.told.textContent = "";
    return;
  }
  const { low, high, isPositive, number } = barOf(slider);
  const range = `${low.toFixed(3)} to ${Math.min(1, high).toFixed(3)}`;
  const opens = slider.header.opens && number ? ": click or Enter shows them" : "";
  slider.told.textContent = `${count(number)} ${isPositive ? "with" : "without"} ${slider.header.finding.one}, ${range}${opens}`;
}

function openBar(slider) {
  if (!slider.bar || !slider.header.opens) return;
  const { low, high, isPositive, number } = barOf(slider);
  if (number) slider.open(`${isPositive ? "with" : "without"}:${low}:${high}`);
}

// The cases appear below this control, mostly out of sight: what asked for them leads there.
function showPanel(patience = 50) {
  const panel = document.querySelector(".st-key-opened_cases");
  if (panel) {
    panel.tabIndex = -1;
    panel.focus({ preventScroll: true });
    panel.scrollIntoView({ block: "start" });
  } else if (patience) {
    setTimeout(() => showPanel(patience - 1), 100);
  }
}

// Where a bin of the track begins, as a score.
function borderOf(slider, bin) {
  const position = bin / BINS;
  return slider.axis === "score" ? position : scoreAt(slider, position);
}

// Counts per bin of the track, found by searching for the bins' borders in the sorted scores.
function binned(slider, scores) {
  const border = (bin) => {
    if (bin === 0) return 0;
    if (bin === BINS) return scores.length;
    return below(scores, borderOf(slider, bin));
  };
  return Array.from({ length: BINS }, (_, bin) => border(bin + 1) - border(bin));
}
