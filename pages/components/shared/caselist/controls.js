// Above the rows: search, order, filters, tags, and the way to the next case.

function buildControls(list) {
  const { view } = list;
  list.search = element("input", { type: "search", placeholder: "Search", "aria-label": "Search the cases" });
  list.search.oninput = () => {
    view.search = list.search.value;
    changed(list);
  };
  list.order = element("select", { "aria-label": "Sort by" });
  list.order.onchange = () => {
    view.sort = list.order.value;
    changed(list);
  };
  list.direction = button("", "Turn the order round", () => {
    view.isDown = !view.isDown;
    list.direction.textContent = arrowOf(view);
    changed(list);
  });
  list.direction.textContent = arrowOf(view);
  list.filterButton = button("Filter", "Show the filters", () => {
    list.filters.hidden = !list.filters.hidden;
    list.filterButton.setAttribute("aria-expanded", !list.filters.hidden);
    drawRows(list);
  });
  list.filterButton.setAttribute("aria-expanded", "false");
  list.previous = button("↑", "Previous case (K)", () => openNext(list, -1));
  list.following = button("↓", "Next case (J)", () => openNext(list, 1));
  list.count = element("span", { class: "count", role: "status" });
  list.filters = element("div", { class: "filters" });
  list.filters.hidden = true;
  list.tags = buildTags(list);
  return [
    element("div", { class: "controls" }, list.search, list.order, list.direction, list.filterButton),
    list.filters,
    element("div", { class: "controls" }, list.count, list.previous, list.following),
    list.tags,
  ];
}

function arrowOf(view) {
  return view.isDown ? "▼" : "▲";
}

function button(text, name, act) {
  const made = element("button", { type: "button", "aria-label": name, title: name }, text);
  made.onclick = act;
  return made;
}

function buildTags(list) {
  list.tagInput = element("input", { type: "text", maxlength: 40, placeholder: "Tag", "aria-label": "Tag", list: "known-tags" });
  list.knownTags = element("datalist", { id: "known-tags" });
  const send = (isRemoved) => {
    const tag = list.tagInput.value.trim();
    if (!tag) {
      list.tagInput.focus();
      return;
    }
    const keys = list.selected.size ? [...list.selected] : list.shown.map((one) => one.key);
    list.act({ kind: isRemoved ? "untag" : "tag", tag, keys });
  };
  list.tagButton = button("Tag all shown", "Give this tag to the selected cases, or to all shown", () => send(false));
  list.untagButton = button("Untag", "Take this tag from the selected cases, or from all shown", () => send(true));
  // What is being typed outlives a page that is drawn anew around it.
  list.tagInput.value = list.shelf.tag;
  list.tagInput.oninput = () => {
    list.shelf.tag = list.tagInput.value;
  };
  list.tagInput.onkeydown = (event) => {
    if (event.key === "Enter") send(false);
  };
  return element("div", { class: "controls tags" }, list.tagInput, list.knownTags, list.tagButton, list.untagButton);
}

// The menus hold what occurs among the cases; a choice that occurs no more is dropped.
function fillMenus(list) {
  const { view, cases, header } = list;
  list.tags.hidden = !header.canTag;
  const sorts = sortsOf(cases);
  if (!sorts.includes(view.sort)) view.sort = ORDER;
  list.order.replaceChildren(...sorts.map((name) => element("option", { value: name }, name)));
  list.order.value = view.sort;
  const choices = choicesOf(cases);
  list.knownTags.replaceChildren(...header.knownTags.map((tag) => element("option", { value: tag })));
  for (const name of Object.keys(view.wanted)) {
    if (!choices.get(name)?.includes(view.wanted[name])) delete view.wanted[name];
  }
  const fields = [...choices].map(([name, values]) => menu(list, name, values));
  if (cases.some((one) => agesOf(one).length)) {
    fields.unshift(range(list, "youngest", "age from", OLDEST, 1), range(list, "oldest", "age to", OLDEST, 1));
  }
  if (cases.some((one) => one.score !== null)) {
    fields.unshift(range(list, "low", "score from", 1, 0.05), range(list, "high", "score to", 1, 0.05));
  }
  list.filters.replaceChildren(...fields);
  list.filterButton.hidden = !fields.length;
}

function menu(list, name, values) {
  const made = element("select", { "aria-label": name }, element("option", { value: "" }, "any"));
  for (const value of values) made.append(element("option", { value }, value));
  made.value = list.view.wanted[name] ?? "";
  made.onchange = () => {
    if (made.value) list.view.wanted[name] = made.value;
    else delete list.view.wanted[name];
    changed(list);
  };
  return element("label", {}, name, made);
}

function range(list, end, name, max, step) {
  const made = element("input", { "aria-label": name, type: "number", min: 0, max, step, value: list.view[end] });
  made.onchange = () => {
    if (made.value === "" || !made.checkValidity() && made.validity.rangeOverflow) made.value = list.view[end];
    list.view[end] = Number(made.value);
    changed(list);
  };
  return element("label", {}, name, made);
}
