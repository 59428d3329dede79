// What the reader can do, once for the toolbar, the mouse and the keys. Every action redraws.

const SEND_DELAY = 600; // ms without a key after which a box moved by keys is sent

function actionsOf(viewer) {
  const redrawing =
    (act) =>
    (...values) => {
      act(...values);
      redraw(viewer);
    };
  const { change, ...views } = viewActions(viewer, redrawing);
  const boxes = boxActions(viewer, redrawing);
  return {
    ...views,
    ...boxes,
    drag: redrawing((pane, drag, now) => {
      if (drag.kind === "box") viewer.drawn.set(pane.meta.key, draggedBox(pane, drag, now));
      else change(pane, draggedView(pane, drag, now));
    }),
    moveLens: (pane, at) => {
      if (viewer.tool !== "lens") return;
      pane.lensAt = at;
      redraw(viewer);
    },
    activate: redrawing((pane) => {
      viewer.active = pane;
    }),
    useTool: redrawing((tool) => {
      viewer.tool = tool;
      for (const pane of viewer.panes) pane.lensAt = null;
    }),
    set: redrawing((part) => {
      viewer.settings = { ...viewer.settings, ...part };
    }),
    toggleAi: redrawing(() => {
      viewer.settings = { ...viewer.settings, isAiShown: !viewer.settings.isAiShown };
    }),
    inOneRow: redrawing(() => {
      viewer.isInOneRow = !viewer.isInOneRow;
      arrange(viewer);
    }),
    enlarge: redrawing(() => enlarge(viewer, viewer.enlarged ? null : viewer.active)),
    leave: redrawing(() => enlarge(viewer, null)),
    fullScreen: () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else viewer.root.requestFullscreen();
    },
  };
}

function viewActions(viewer, redrawing) {
  const together = (pane) => (viewer.isLinked && viewer.hung.includes(pane) ? viewer.hung : [pane]);
  const change = redrawing((pane, part) => {
    for (const each of together(pane)) each.view = { ...each.view, ...part };
  });
  const zoom = (pane, factor, at) => change(pane, zoomedAt(pane, factor, ...at));
  const oneToOne = (pane, at) => zoom(pane, 100 / zoomPercent(pane), at);
  const middle = ({ width, height }) => [width / 2, height / 2];
  return {
    change,
    zoom,
    zoomMiddle: (factor) => zoom(viewer.active, factor, middle(viewer.active)),
    pan: (right, down) => {
      const { panX, panY } = viewer.active.view;
      change(viewer.active, { panX: panX + outward(viewer.active) * right, panY: panY + down });
    },
    oneToOne: () => oneToOne(viewer.active, middle(viewer.active)),
    toggleOneToOne: (pane, at) => {
      if (Math.abs(zoomPercent(pane) - 100) < 1) change(pane, { zoom: 1, panX: 0, panY: 0 });
      else oneToOne(pane, at);
    },
    fit: () => change(viewer.active, { zoom: 1, panX: 0, panY: 0 }),
    reset: () => change(viewer.active, newView()),
    invert: () => change(viewer.active, { isInverted: !viewer.active.view.isInverted }),
    nextRegion: redrawing(() => {
      const places = regionsOf(viewer);
      if (!places.length || !viewer.settings.isAiShown) return;
      viewer.region = ((viewer.region ?? -1) + 1) % places.length;
      const { pane, box } = places[viewer.region];
      viewer.active = pane;
      if (viewer.enlarged || viewer.extra.includes(pane)) enlarge(viewer, pane);
      change(pane, viewOnto(pane, box));
      viewer.root.dataset.region = `${pane.meta.name} ${box[4]}`;
    }),
    usePreset: (preset) => change(viewer.active, { preset, scale: 1, shift: 0 }),
    link: redrawing(() => {
      viewer.isLinked = !viewer.isLinked;
      if (viewer.isLinked) change(viewer.active, viewer.active.view);
    }),
  };
}

// Every region with its pane, image by image as they hang.
function regionsOf(viewer) {
  return viewer.panes.flatMap((pane) => pane.meta.boxes.map((box) => ({ pane, box })));
}

// The reader's box, the one thing that goes to the server.
function boxActions(viewer, redrawing) {
  const sendSoon = () => {
    clearTimeout(viewer.timer);
    viewer.timer = setTimeout(viewer.send, SEND_DELAY);
  };
  const putBox = (pane, from, to) => {
    const box = draggedBox(pane, { start: from }, to);
    if (isBox(box)) viewer.drawn.set(pane.meta.key, box);
  };
  return {
    finishBox: redrawing((pane, drag, now) => {
      const box = draggedBox(pane, drag, now);
      if (isBox(box)) {
        viewer.drawn.set(pane.meta.key, box);
        viewer.send();
      } else if (drag.before) viewer.drawn.set(pane.meta.key, drag.before);
      else viewer.drawn.delete(pane.meta.key);
    }),
    eraseBox: redrawing(() => {
      if (viewer.drawn.delete(viewer.active.meta.key)) viewer.send();
    }),
    placeBox: redrawing(() => {
      const { width, height } = viewer.active;
      putBox(viewer.active, [0.4 * width, 0.4 * height], [0.6 * width, 0.6 * height]);
      sendSoon();
    }),
    moveBox: redrawing((right, down, isResize) => {
      const pane = viewer.active;
      const [x0, y0, x1, y1] = viewer.drawn.get(pane.meta.key);
      const [ax, ay] = toScreen(pane, x0, y0);
      const [bx, by] = toScreen(pane, x1, y1);
      const first = [Math.min(ax, bx), ay];
      const moved = isResize ? first : [first[0] + right, first[1] + down];
      putBox(pane, moved, [Math.max(ax, bx) + right, by + down]);
      sendSoon();
    }),
  };
}

// One pane over the whole stage (null: all of them again).
function enlarge(viewer, pane) {
  viewer.enlarged = pane;
  arrange(viewer);
}

function arrange(viewer) {
  const { root, enlarged: pane } = viewer;
  root.classList.toggle("enlarged", pane !== null);
  root.classList.toggle("in-one-row", viewer.hasRows && viewer.isInOneRow);
  viewer.stage.hidden = viewer.extra.includes(pane);
  viewer.strip.hidden = viewer.extra.length === 0 || viewer.hung.includes(pane);
  for (const frame of root.querySelectorAll(".pane")) {
    frame.hidden = pane !== null && frame !== pane.frame;
  }
  layOut(viewer);
}
