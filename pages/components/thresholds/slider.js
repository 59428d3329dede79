// Sensitivity, specificity and their kin at a threshold the reader drags. Two searches in sorted
// scores give every number, so 100,000 cases follow the mouse; Python hears of the release alone.

const SLIDERS = new WeakMap(); // by parent element
const BINS = 100;
const TRACK_STEPS = 1000; // the finest drag; keys and the number box are exact
const PAGE = 0.01; // of all cases
const KEY_RELEASE = 400; // ms without a key that count as a release
const THUMB = 8; // half the width of the slider's thumb, which the track is shorter by

const COUNTED = { image: "images", breast: "breasts", exam: "exams", patient: "women" };

const AXES = {
  score: "score",
  rank: "rank of the case",
};

export default function ({ data, parentElement, setStateValue }) {
  const known = SLIDERS.get(parentElement);
  if (known?.data === data) {
    drawClasses(known); // the theme changed
    return known.cleanUp;
  }
  const slider = known ?? build(parentElement.querySelector(".threshold"));
  const { header, next } = openMessage(data);
  Object.assign(slider, { data, header, isMoved: false });
  slider.positives = next(Float64Array, header.positives);
  slider.negatives = next(Float64Array, header.negatives);
  slider.all = new Float64Array(header.positives + header.negatives);
  slider.all.set(slider.positives);
  slider.all.set(slider.negatives, header.positives);
  slider.all.sort();
  slider.send = () => {
    clearTimeout(slider.timer);
    if (slider.isMoved) setStateValue("threshold", slider.threshold);
    slider.isMoved = false;
  };
  slider.cleanUp = () => {
    slider.observer.disconnect();
    clearTimeout(slider.timer);
    SLIDERS.delete(parentElement);
  };
  SLIDERS.set(parentElement, slider);
  moveTo(slider, header.threshold);
  slider.isMoved = false;
  slider.root.dataset.ready = "true";
  return slider.cleanUp;
}

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function build(root) {
  const slider = { root, axis: "score", timer: 0, isMoved: false };
  slider.canvas = make("canvas", { "aria-hidden": "true" });
  slider.track = make("input", { type: "range", min: 0, max: 1, step: "any" });
  slider.track.setAttribute("aria-label", "Decision threshold");
  slider.box = make("input", { type: "number", min: 0, max: 1, step: "any" });
  slider.axisChoice = make("select");
  for (const [value, text] of Object.entries(AXES)) {
    slider.axisChoice.append(make("option", { value }, text));
  }
  slider.rates = make("dl", { class: "rates" });
  slider.screening = make("p", { class: "screening" });
  slider.with = make("span");
  slider.without = make("span");
  const scale = make("span", {}, "bar height: square root of the number of cases in it");
  const classes = make(
    "div",
    { class: "classes" },
    make("div", { class: "class-name" }, slider.with, scale),
    slider.canvas,
    make("div", { class: "class-name" }, slider.without),
  );
  const settings = make("div", { class: "settings" });
  settings.append(
    make("label", {}, "Threshold", slider.box),
    make("label", {}, "Move along", slider.axisChoice),
    make("span", { class: "rule" }, "A case that scores at least this is called."),
  );
  root.replaceChildren(classes, slider.track, settings, slider.rates, slider.screening);
  listen(slider);
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

function showRates(slider, { missed, found, positives, leftAlone, alarms, negatives }) {
  const cases = COUNTED[slider.header.level];
  const called = found + alarms;
  const rates = [
    ["Sensitivity (recall)", found, positives, `${count(missed)} of ${count(positives)} cancers missed`],
    ["Specificity", leftAlone, negatives, `${count(alarms)} of ${count(negatives)} without cancer called`],
    ["Recall rate", called, positives + negatives, `${count(called)} of ${count(positives + negatives)} ${cases} called`],
    ["PPV", found, called, `${count(found)} of ${count(called)} called have cancer`],
    ["NPV", leftAlone, leftAlone + missed, `${count(leftAlone)} of ${count(leftAlone + missed)} not called have none`],
  ];
  slider.rates.replaceChildren(
    ...rates.map(([name, part, whole, counts]) =>
      make(
        "div",
        {},
        make("dt", {}, name),
        make("dd", { class: "value" }, percent(part, whole)),
        make("dd", { class: "counts" }, counts),
      ),
    ),
  );
}

// What the same sensitivity and specificity mean where cancer is as rare as it is in screening.
function showScreening({ screening, header }, { found, positives, leftAlone, negatives }) {
  const { prevalence } = header;
  screening.hidden = prevalence === null || !positives || !negatives;
  if (screening.hidden) return;
  const cancersFound = (1000 * prevalence * found) / positives;
  const alarms = 1000 * (1 - prevalence) * (1 - leftAlone / negatives);
  const called = cancersFound + alarms;
  const missed = 1000 * prevalence - cancersFound;
  screening.textContent =
    `Per 1,000 ${COUNTED[header.level]}, ${few(1000 * prevalence)} of them with cancer: ${few(called)} called, ` +
    `${few(cancersFound)} cancers found, ${few(missed)} missed, ${few(alarms)} false alarms` +
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
  }
  context.globalAlpha = 1;
  context.fillStyle = style.color;
  context.fillRect(left, middle, room, 1);
  context.fillRect(left + slider.position * room - 1, 0, 2, height);
  slider.with.textContent = `with cancer (${count(header.positives)})`;
  slider.without.textContent = `without cancer (${count(header.negatives)})`;
}

// Counts per bin of the track, found by searching for the bins' borders in the sorted scores.
function binned(slider, scores) {
  const border = (bin) => {
    if (bin === 0) return 0;
    if (bin === BINS) return scores.length;
    const position = bin / BINS;
    return below(scores, slider.axis === "score" ? position : scoreAt(slider, position));
  };
  return Array.from({ length: BINS }, (_, bin) => border(bin + 1) - border(bin));
}
