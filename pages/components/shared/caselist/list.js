// Builds the case list, keeps its view from run to run, and tells Python what was opened or tagged.

const LISTS = new WeakMap(); // by parent element
const MOST_ACTS = 8; // that are told again
let lastUsed = null; // of several lists on a page, the one that J and K move in

export default function ({ data, parentElement, setStateValue }) {
  const known = LISTS.get(parentElement);
  if (known?.data === data) return known.cleanUp;
  const { header } = openMessage(data);
  const tell = unlessLeaving(parentElement, setStateValue);
  const list = known ?? build(parentElement.querySelector(".case-list"), header);
  Object.assign(list, { data, header, threshold: header.threshold, cases: header.cases });
  // While the page runs, of two acts only the last would reach it: the latest are told every time,
  // and Python knows by their numbers which it has heard.
  list.act = (act) => {
    const { shelf } = list;
    shelf.actedAt = Math.max(Date.now(), (shelf.actedAt ?? 0) + 1);
    shelf.acts = [...shelf.acts, { ...act, at: shelf.actedAt }].slice(-MOST_ACTS);
    shelf.view = viewText(list.view);
    tell("act", { acts: shelf.acts, view: shelf.view });
  };
  list.serial = new Map(list.cases.map((one, place) => [one.key, place]));
  list.selected = new Set([...list.selected].filter((key) => list.serial.has(key)));
  list.cleanUp = () => {
    list.observer.disconnect();
    document.removeEventListener("keydown", list.onDocumentKey);
    clearTimeout(list.askTimer);
    if (list.shelf.list === list) list.shelf.list = list.shelf.place = null;
    if (lastUsed === list) lastUsed = null;
    LISTS.delete(parentElement);
  };
  LISTS.set(parentElement, list);
  list.root.style.height = `${header.height}px`;
  for (const row of list.drawn.values()) row.remove();
  list.drawn.clear();
  fillMenus(list);
  refresh(list);
  takePlace(list);
  drawRows(list);
  list.root.dataset.ready = "true";
  return list.cleanUp;
}

function build(root, header) {
  const list = { root, view: newView(), drawn: new Map(), selected: new Set(), shown: [] };
  list.id = `list-${Math.random().toString(36).slice(2)}`;
  list.shelf = shelfOf(header.list);
  list.shelf.list = list;
  list.opened = list.active = null;
  list.scroller = element("div", { class: "scroller", role: "listbox", tabindex: 0, "aria-label": "Cases", "aria-multiselectable": "true" });
  list.filler = element("div", { class: "filler", role: "presentation" });
  list.scroller.append(list.filler);
  root.replaceChildren(...buildControls(list), list.scroller);
  list.hear = (came) => hear(list, came);
  list.observer = new ResizeObserver(() => drawRows(list));
  list.observer.observe(list.scroller);
  listen(list);
  lastUsed ??= list;
  return list;
}

function refresh(list) {
  const { view, cases } = list;
  list.shown = shownOf(cases, view);
  list.filler.style.height = `${list.shown.length * ROW}px`;
  const chosen = list.selected.size ? `, ${NUMBER.format(list.selected.size)} selected` : "";
  const of = list.shown.length === cases.length ? "" : ` of ${NUMBER.format(cases.length)}`;
  list.count.textContent = `${NUMBER.format(list.shown.length)}${of}${list.header.of}${chosen}`;
  list.tagButton.textContent = list.selected.size ? "Tag selected" : "Tag all shown";
  list.untagButton.textContent = "Untag";
  list.root.dataset.shown = list.shown.length;
  const isFirst = list.shown[0]?.key === list.opened;
  list.previous.disabled = !list.shown.length || isFirst;
  list.following.disabled = !list.shown.length || list.shown.at(-1)?.key === list.opened;
  const isNarrowed = viewText({ ...view, sort: ORDER, isDown: true, top: 0, search: "" }) !== "";
  list.filterButton.classList.toggle("on", isNarrowed);
}

// Once, as soon as it is known: the filter, the order and the place that a list was left with. This tab
// knows them better: Python is told of another filter only with the next act.
function takePlace(list) {
  const { place } = list.shelf;
  if (list.isPlaced || !place) return;
  list.isPlaced = true;
  Object.assign(list.view, readView(list.shelf.view ?? place.view));
  list.opened = list.active = place.opened;
  list.search.value = list.view.search;
  list.direction.textContent = arrowOf(list.view);
  fillMenus(list);
  refresh(list);
  list.scroller.scrollTop = list.view.top;
  if (list.opened) show(list, list.opened);
}

// Another filter, another order: from the top.
function changed(list) {
  list.view.top = 0;
  list.shelf.view = viewText(list.view);
  refresh(list);
  list.scroller.scrollTop = 0;
  drawRows(list);
}

// What came with the pictures: the pictures, and which case Python has open.
function hear(list, came) {
  for (const key of came) {
    const row = list.drawn.get(key);
    if (row) showPicture(list, row, key);
  }
  takePlace(list);
  const { opened } = list.shelf.place;
  if (opened === list.opened) list.isOpening = false;
  else if (opened && !list.isOpening) {
    list.opened = list.active = opened;
    refresh(list);
    show(list, opened);
  }
  drawRows(list);
}

function open(list, key) {
  if (key === undefined) return;
  lastUsed = list;
  list.opened = list.active = key;
  list.isOpening = true;
  refresh(list);
  show(list, key);
  list.view.top = Math.round(list.scroller.scrollTop);
  const { title, problem } = list.cases[list.serial.get(key)];
  const detail = { list: list.header.list, key, title };
  if (!problem) document.dispatchEvent(new CustomEvent("mammoscope-opening", { detail })); // to viewers
  list.act({ kind: "open", key });
}

function show(list, key) {
  const place = list.shown.findIndex((one) => one.key === key);
  if (place < 0) return;
  const { scroller } = list;
  const top = place * ROW;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  const bottom = top + ROW - scroller.clientHeight;
  if (bottom > scroller.scrollTop) scroller.scrollTop = bottom;
  scroller.setAttribute("aria-activedescendant", `${list.id}-${list.serial.get(list.active)}`);
  drawRows(list);
}

function step(list, from, by) {
  const place = list.shown.findIndex((one) => one.key === from);
  if (place < 0) return list.shown[by > 0 ? 0 : list.shown.length - 1]?.key;
  return list.shown[Math.min(list.shown.length - 1, Math.max(0, place + by))].key;
}

function openNext(list, by) {
  const next = step(list, list.opened, by);
  if (next !== list.opened) open(list, next);
}

function toggle(list, key, isRange) {
  if (isRange && list.anchor !== undefined) {
    const places = [list.anchor, key].map((one) => list.shown.findIndex((it) => it.key === one));
    const [low, high] = places.sort((a, b) => a - b);
    for (const one of list.shown.slice(Math.max(0, low), high + 1)) list.selected.add(one.key);
  } else if (list.selected.has(key)) {
    list.selected.delete(key);
  } else {
    list.selected.add(key);
  }
  list.anchor = key;
  list.active = key;
  refresh(list);
  drawRows(list);
}

function listen(list) {
  const { scroller } = list;
  scroller.onscroll = () => drawRows(list);
  scroller.onclick = (event) => {
    const key = event.target.closest(".row")?.dataset.key;
    if (key === undefined) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) toggle(list, key, event.shiftKey);
    else open(list, key);
  };
  scroller.onkeydown = (event) => {
    const page = Math.max(1, Math.floor(scroller.clientHeight / ROW) - 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
    if (event.key in moves) {
      list.active = step(list, list.active, moves[event.key]);
      show(list, list.active);
    } else if (event.key === "Enter") open(list, list.active ?? list.shown[0]?.key);
    else if (event.key === " " && list.active) toggle(list, list.active, event.shiftKey);
    else if (event.key === "Escape" && list.selected.size) {
      list.selected.clear();
      refresh(list);
      drawRows(list);
    } else return;
    event.preventDefault();
  };
  scroller.onfocus = () => {
    lastUsed = list;
  };
  list.onDocumentKey = (event) => {
    const by = { j: 1, k: -1 }[event.key.toLowerCase()];
    const isTyped = event.composedPath()[0].closest?.("input:not([type=range]), textarea, select, [contenteditable]");
    if (!by || isTyped || event.ctrlKey || event.metaKey || event.altKey) return;
    if ((lastUsed ?? list) !== list || !list.root.checkVisibility()) return;
    event.preventDefault();
    openNext(list, by);
  };
  document.addEventListener("keydown", list.onDocumentKey);
}
