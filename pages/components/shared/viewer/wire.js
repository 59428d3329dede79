// What goes to a component, and when it may tell something.

// The message from Python: its header, and its arrays where they lie, uncopied.

const LENGTH_BYTES = 4;

// { header, next }: next(kind, length) is the next array, such as next(Uint16Array, 12).
function openMessage(data) {
  // Typed arrays need aligned starts; the message may begin anywhere in the socket's buffer.
  const bytes = data.byteOffset % 8 === 0 ? data : data.slice();
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const text = bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + headerLength);
  const header = JSON.parse(new TextDecoder().decode(text));
  const start = bytes.byteOffset + LENGTH_BYTES + headerLength;
  const offsets = header.offsets[Symbol.iterator]();
  const next = (kind, length) => new kind(bytes.buffer, start + offsets.next().value, length);
  return { header, next };
}

// From a click on a link to another page until that page is here, Streamlit takes what a component
// tells for told by the page before, and leaves the new page empty. So for so long nothing is told.
const LONGEST_WAY = 5000; // milliseconds; after that it leads nowhere
const WAY_BACK = 1000; // the same by the browser's own buttons, which change the address at once

globalThis.mammoscopeWay ??= noteClicks();

function noteClicks() {
  const way = { to: "", until: 0, pressed: 0 };
  const note = ({ target, ctrlKey, metaKey, shiftKey, altKey }) => {
    if (ctrlKey || metaKey || shiftKey || altKey) return; // it opens elsewhere, and this page stays
    const link = target.closest?.("[data-testid=stPageLink-NavLink]");
    if (link) Object.assign(way, { to: new URL(link.href).pathname, until: Date.now() + LONGEST_WAY });
    else if (target.closest?.("[data-testid^=stBaseButton]")) way.pressed = Date.now();
  };
  document.addEventListener("click", note, true);
  window.addEventListener("popstate", () => Object.assign(way, { to: "", until: Date.now() + WAY_BACK }));
  return way;
}

// `tell`, but on the way to another page; of a component that is gone by then nobody wants to know. What
// was held back is told in its order, before all that comes later.
function unlessLeaving(parentElement, tell) {
  const held = [];
  const release = () => {
    const { to, until } = globalThis.mammoscopeWay;
    if (Date.now() > until || location.pathname === to) for (const values of held.splice(0)) tell(...values);
    else if (parentElement.isConnected) setTimeout(release, 100);
    else held.length = 0;
  };
  return (...values) => {
    held.push(values);
    if (held.length === 1) release();
  };
}
