// Brings pictures to a list of the same page, and where it was left.
// Draws nothing, so that a message of pictures never carries the rows again.

const SEEN = new WeakMap(); // the last message by parent element
const UNTIL_HEARD = 400; // milliseconds after which the page shows that it runs
const UNTIL_LEFT = 1000; // the same of a button, which may lead to another page

// Asking for pictures while the page runs would end that run before its end.
function isAtRest(shelf) {
  const app = document.querySelector("[data-test-script-state]");
  const now = Date.now();
  const isPressed = now - globalThis.mammoscopeWay.pressed < UNTIL_LEFT;
  const wasTold = isPressed || now - (shelf.actedAt ?? 0) < UNTIL_HEARD;
  return !wasTold && (!app || app.dataset.testScriptState === "notRunning");
}

export default function ({ data, parentElement, setStateValue }) {
  const { header, next } = openMessage(data);
  const shelf = shelfOf(header.list);
  const tell = unlessLeaving(parentElement, setStateValue);
  shelf.bring = (keys) => {
    clearTimeout(shelf.timer);
    if (isAtRest(shelf)) tell("wanted", { keys, at: Date.now() });
    else shelf.timer = setTimeout(() => shelf.ask(keys), 100);
  };
  if (SEEN.get(parentElement) !== data) {
    SEEN.set(parentElement, data);
    const came = header.pictures.map(([key, length]) => {
      const bytes = length === null ? null : next(Uint8Array, length).slice();
      const address = bytes && URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
      shelf.pictures.set(key, address);
      return key;
    });
    shelf.place = { opened: header.opened, view: header.view };
    shelf.list?.hear(came);
  }
  if (shelf.waiting) {
    const keys = shelf.waiting;
    shelf.waiting = null;
    shelf.bring(keys);
  }
  return () => {
    SEEN.delete(parentElement);
    shelf.bring = null;
  };
}
