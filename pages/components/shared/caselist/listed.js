// What of the cases is shown, and in which order: search, filters and sorting over plain data.

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });
const SCORE = "score";
const ORDER = "as listed";
const OLDEST = 120; // years

function newView() {
  return { search: "", sort: ORDER, isDown: true, low: 0, high: 1, youngest: 0, oldest: OLDEST, wanted: {}, top: 0 };
}

// `text` is what an address carried; anybody may have written it.
function readView(text) {
  const view = newView();
  if (!text) return view;
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    return view;
  }
  for (const name of Object.keys(view)) {
    if (name !== "wanted" && typeof found?.[name] === typeof view[name]) view[name] = found[name];
  }
  for (const [name, value] of Object.entries(found?.wanted ?? {})) {
    if (typeof value === "string") view.wanted[name] = value;
  }
  return view;
}

// Only what differs from a new view, so that an address stays short.
function viewText(view) {
  const usual = newView();
  const told = Object.entries(view).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(usual[name]),
  );
  return told.length ? JSON.stringify(Object.fromEntries(told)) : "";
}

// By name the values that occur, where there are at least two and no more than fit a menu; numbers
// and what is different for each case are for sorting.
function choicesOf(cases) {
  const found = new Map();
  const add = (name, value) => {
    if (!found.has(name)) found.set(name, new Set());
    found.get(name).add(value);
  };
  for (const one of cases) {
    if (one.truth) add("label", one.truth);
    for (const chip of one.chips) add(isSide(chip) ? "side" : "view", chip);
    for (const tag of one.tags) add("tag", tag);
    for (const [name, value] of Object.entries(one.facts)) {
      if (typeof value === "string") add(name, value);
    }
  }
  const isMenu = (name, values) => (values.size > 1 || name === "tag") && values.size <= 60;
  return new Map(
    [...found].filter(([name, values]) => isMenu(name, values)).map(([name, v]) => [name, [...v].sort()]),
  );
}

function isSide(chip) {
  return chip === "L" || chip === "R";
}

// What can be sorted by: facts that tell cases apart.
function sortsOf(cases) {
  const names = new Set([ORDER]);
  if (cases.some((one) => one.score !== null)) names.add(SCORE);
  names.add("name");
  for (const one of cases) Object.keys(one.facts).forEach((name) => names.add(name));
  return [...names];
}

function shownOf(cases, view) {
  const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = Object.entries(view.wanted).filter(([, value]) => value !== "");
  const hasRange = view.low > 0 || view.high < 1;
  const hasAges = view.youngest > 0 || view.oldest < OLDEST;
  const isShown = (one) =>
    words.every((word) => textOf(one).includes(word)) &&
    wanted.every(([name, value]) => valuesOf(one, name).includes(value)) &&
    (!hasRange || (one.score !== null && one.score >= view.low && one.score <= view.high)) &&
    (!hasAges || agesOf(one).some((age) => age >= view.youngest && age <= view.oldest));
  const shown = cases.filter(isShown);
  if (view.sort === ORDER) return view.isDown ? shown : shown.reverse();
  return shown.sort(byValue(view.sort, view.isDown ? -1 : 1));
}

function textOf(one) {
  one.text ??= [one.title, ...one.chips, one.truth, ...one.tags, ...Object.values(one.facts), one.problem]
    .join(" ")
    .toLowerCase();
  return one.text;
}

// Of a woman with images of several years, each.
function agesOf(one) {
  return one.facts.age === undefined ? [] : String(one.facts.age).split(", ").map(Number);
}

function valuesOf(one, name) {
  if (name === "label") return [one.truth];
  if (name === "tag") return one.tags;
  if (name === "side" || name === "view") {
    return one.chips.filter((chip) => isSide(chip) === (name === "side"));
  }
  return [one.facts[name]];
}

// Cases without the value come last, whichever way it is sorted.
function byValue(name, direction) {
  const of = (one) => (name === SCORE ? one.score : name === "name" ? one.title : one.facts[name]);
  return (a, b) => {
    const [first, second] = [of(a) ?? null, of(b) ?? null];
    if (first === null || second === null) return (first === null) - (second === null);
    if (typeof first === "number" && typeof second === "number") return direction * (first - second);
    return direction * String(first).localeCompare(String(second), "en", { numeric: true });
  };
}
