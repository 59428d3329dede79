// Where a list and what brings its pictures meet: two components of one page, either of which may
// come first. The list is told of pictures, and the one that brings them of what is wanted.

function shelfOf(key) {
  globalThis.mammoscopeShelves ??= new Map();
  const shelves = globalThis.mammoscopeShelves;
  if (!shelves.has(key)) {
    const shelf = { pictures: new Map(), list: null, bring: null, waiting: null, place: null, view: null, acts: [], tag: "" };
    shelf.ask = (keys) => {
      if (shelf.bring) shelf.bring(keys);
      else shelf.waiting = keys;
    };
    shelves.set(key, shelf);
  }
  return shelves.get(key);
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
