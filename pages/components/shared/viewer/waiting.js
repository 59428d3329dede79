// From a click in a case list until the images of that case are here: empty panes, and one line of
// what is awaited. No image of one case stands beside what is told of another, however busy Python is.

const GIVEN_UP = 3000; // milliseconds; a page at rest by then brings no other images

function followList(viewer, { shown }) {
  viewer.awaitedLine = element("div", { class: "awaited", role: "status" });
  viewer.root.append(viewer.awaitedLine);
  if (viewer.awaited?.key === shown.key) viewer.awaited = null;
  const hear = ({ detail }) => {
    if (detail.list !== shown.list || (detail.key === shown.key && !viewer.awaited)) return;
    viewer.awaited = { ...detail, since: Date.now() };
    tellAwaited(viewer);
  };
  document.addEventListener("mammoscope-opening", hear);
  tellAwaited(viewer);
  return () => {
    document.removeEventListener("mammoscope-opening", hear);
    clearInterval(viewer.giveUp);
  };
}

function tellAwaited(viewer) {
  const { awaited, root } = viewer;
  clearInterval(viewer.giveUp);
  root.classList.toggle("waiting", Boolean(awaited));
  root.setAttribute("aria-busy", Boolean(awaited));
  viewer.stage.inert = Boolean(awaited); // no key draws on the case before
  viewer.awaitedLine.textContent = awaited ? `Opening ${awaited.title}…` : "";
  if (!awaited) return;
  viewer.giveUp = setInterval(() => {
    const app = document.querySelector("[data-test-script-state]");
    const isAtRest = !app || app.dataset.testScriptState === "notRunning";
    if (!isAtRest || Date.now() - awaited.since < GIVEN_UP) return;
    viewer.awaited = null;
    tellAwaited(viewer);
  }, 200);
}
