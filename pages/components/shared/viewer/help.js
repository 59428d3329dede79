// The list of keys, over the images. It is made of the same table as the keys themselves.

function buildHelp(viewer, keys) {
  const list = element("dl", {});
  for (const { shown, text } of keys) {
    if (!text) continue;
    list.append(element("dt", {}, element("kbd", {}, shown)), element("dd", {}, text));
  }
  const help = element("div", { class: "help", role: "dialog", "aria-label": "Keys of the viewer" });
  const close = element("button", { type: "button", class: "switch" }, "Close (Escape)");
  close.onclick = () => showHelp(viewer, false);
  help.append(element("p", {}, "Keys, while an image has the focus (click it, or Tab)"), list, close);
  help.hidden = true;
  help.onkeydown = (event) => {
    event.stopPropagation(); // the page has shortcuts of its own
    if (event.key === "Escape" || event.key === "?") showHelp(viewer, false);
  };
  return help;
}

function showHelp(viewer, isShown) {
  viewer.help.hidden = !isShown;
  if (isShown) viewer.help.querySelector("button").focus();
  else viewer.active.frame.focus({ preventScroll: true });
}
