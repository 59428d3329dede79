// The rows in view, and those about to come: of 10,000 cases a few dozen elements exist.

const ROW = 62; // pixels
const MARGIN = 24; // rows drawn above and below, so that a flick shows none blank

function drawRows(list) {
  const { scroller, filler, shown, drawn } = list;
  const height = scroller.clientHeight || ROW;
  const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - MARGIN);
  const last = Math.min(shown.length, Math.ceil((scroller.scrollTop + height) / ROW) + MARGIN);
  const kept = new Set();
  for (let place = first; place < last; place += 1) {
    const one = shown[place];
    kept.add(one.key);
    const row = drawn.get(one.key) ?? makeRow(list, one);
    if (!drawn.has(one.key)) {
      drawn.set(one.key, row);
      filler.append(row);
    }
    row.style.transform = `translateY(${place * ROW}px)`;
    row.setAttribute("aria-posinset", place + 1);
    row.setAttribute("aria-setsize", shown.length);
    markRow(list, row, one);
  }
  for (const [key, row] of drawn) {
    if (kept.has(key)) continue;
    row.remove();
    drawn.delete(key);
  }
  askFor(list, first, last);
}

function markRow(list, row, one) {
  row.setAttribute("aria-selected", one.key === list.opened || list.selected.has(one.key));
  row.classList.toggle("opened", one.key === list.opened);
  row.classList.toggle("active", one.key === list.active);
  row.classList.toggle("selected", list.selected.has(one.key));
}

function makeRow(list, one) {
  const row = element("div", { role: "option", id: `${list.id}-${list.serial.get(one.key)}`, class: "row" });
  row.dataset.key = one.key;
  row.setAttribute("aria-label", wordsOf(one, list.threshold));
  const picture = element("span", { class: "picture", "aria-hidden": "true" });
  const name = element("span", { class: "name", title: one.title }, one.title);
  const chips = element("span", { class: "chips" });
  for (const chip of one.chips) chips.append(element("span", { class: "chip" }, chip));
  if (one.truth) {
    const kind = one.isPositive ? "chip truth positive" : "chip truth";
    chips.append(element("span", { class: kind }, one.truth));
  }
  if (one.facts.outcome) chips.append(element("span", { class: "chip" }, one.facts.outcome));
  for (const tag of one.tags) chips.append(element("span", { class: "chip tag" }, tag));
  if (one.problem) chips.append(element("span", { class: "problem", title: one.problem }, one.problem));
  if (list.header.hasPictures) row.append(picture);
  row.append(element("span", { class: "told" }, name, chips));
  if (one.score !== null) row.append(makeBar(one.score, list.threshold));
  showPicture(list, row, one.key);
  return row;
}

function makeBar(score, threshold) {
  const bar = element("span", { class: "bar" });
  const fill = element("span", { class: "fill" });
  fill.style.width = `${100 * score}%`;
  bar.append(fill);
  if (threshold !== null) {
    const mark = element("span", { class: "mark" });
    mark.style.left = `${100 * Math.min(1, threshold)}%`;
    bar.append(mark);
    bar.classList.toggle("called", score >= threshold);
  }
  return element("span", { class: "score" }, element("span", { class: "number" }, score.toFixed(3)), bar);
}

function wordsOf(one, threshold) {
  const side = threshold === null || one.score === null ? "" : one.score >= threshold ? ", at or above the threshold" : ", below the threshold";
  const score = one.score === null ? "" : `score ${one.score.toFixed(3)}${side}`;
  const truth = one.truth ? `truth ${one.truth}` : "";
  const tags = one.tags.length ? `tags ${one.tags.join(", ")}` : "";
  return [one.title, one.chips.join(" "), score, truth, tags, one.problem].filter(Boolean).join("; ");
}

// A picture is "", while it was asked for and has not come; null where the image cannot be read.
function showPicture(list, row, key) {
  const place = row.querySelector(".picture");
  if (!place) return;
  const address = list.shelf.pictures.get(key);
  if (address === null) place.replaceChildren(element("span", { class: "none" }, "no picture"));
  else if (address) place.replaceChildren(element("img", { src: address, alt: "", draggable: "false" }));
}

function askFor(list, first, last) {
  clearTimeout(list.askTimer);
  if (!list.header.hasPictures) return;
  list.askTimer = setTimeout(() => {
    const inView = list.scroller.scrollTop / ROW;
    const near = list.shown
      .slice(first, last)
      .map((one, place) => [one.key, Math.abs(first + place - inView - 3)])
      .filter(([key]) => !list.shelf.pictures.has(key))
      .sort((a, b) => a[1] - b[1])
      .map(([key]) => key);
    if (near.length) list.shelf.ask(near.slice(0, BATCH));
  }, ASK_DELAY);
}

const BATCH = 24; // pictures asked for at once
const ASK_DELAY = 80; // ms without scrolling
