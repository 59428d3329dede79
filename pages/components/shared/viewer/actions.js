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
  const shapes = shapeActions(viewer, redrawing);
  return {
    ...views,
    ...shapes,
    drag: redrawing((pane, drag, now) => {
      const shapes = shapesOf(viewer, drag.kind);
      if (shapes) shapes.set(pane.meta.key, draggedShape(pane, drag.kind, drag.start, now));
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
    toggleTruth: redrawing(() => {
      viewer.isTruthShown = !viewer.isTruthShown;
    }),
    toggleFacts: redrawing(() => {
      viewer.areFactsShown = !viewer.areFactsShown;
    }),
    inOneRow: redrawing(() => {
      viewer.isInOneRow = !viewer.isRow;
      arrange(viewer);
    }),
    hang: redrawing((name) => hang(viewer, name)),
    nextHanging: redrawing(() => {
      const names = hangingsOf(viewer).map((one) => one.name);
      hang(viewer, names[(names.indexOf(hangingOf(viewer).name) + 1) % names.length]);
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
    stretchWindow: (factor) => change(viewer.active, { scale: viewer.active.view.scale * factor }),
    moveWindow: (by) => change(viewer.active, { shift: viewer.active.view.shift + by }),
    invert: () => change(viewer.active, { isInverted: !viewer.active.view.isInverted }),
    nextRegion: redrawing(() => {
      const places = regionsOf(viewer);
      if (!places.length || !viewer.settings.isAiShown) return;
      viewer.region = ((viewer.region ?? -1) + 1) % places.length;
      const { pane, box } = places[viewer.region];
      viewer.active = pane;
      if (viewer.enlarged || !viewer.shown.includes(pane)) enlarge(viewer, pane);
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

// Boxes, rulers and regions; of them the box alone goes to the server.
function shapeActions(viewer, redrawing) {
  const sendSoon = () => {
    clearTimeout(viewer.timer);
    viewer.timer = setTimeout(viewer.send, SEND_DELAY);
  };
  const put = (pane, tool, from, to) => {
    const shape = draggedShape(pane, tool, from, to);
    if (isShape(tool, shape)) shapesOf(viewer, tool).set(pane.meta.key, shape);
    if (tool === "box") sendSoon();
    else keepMeasures(viewer);
  };
  return {
    finishShape: redrawing((pane, { kind, start, before }, now) => {
      const shape = draggedShape(pane, kind, start, now);
      const shapes = shapesOf(viewer, kind);
      if (isShape(kind, shape)) {
        shapes.set(pane.meta.key, shape);
        if (kind === "box") viewer.send();
      } else if (before) shapes.set(pane.meta.key, before);
      else shapes.delete(pane.meta.key);
      keepMeasures(viewer);
    }),
    eraseShape: redrawing(() => {
      const { key } = viewer.active.meta;
      const mine = shapesOf(viewer, viewer.tool);
      const all = mine?.has(key) ? [mine] : SHAPE_TOOLS.map((tool) => shapesOf(viewer, tool));
      for (const shapes of all) if (shapes.delete(key) && shapes === viewer.drawn) viewer.send();
      keepMeasures(viewer);
    }),
    placeShape: redrawing(() => {
      const { active: pane, tool } = viewer;
      const [x, y] = middleOf(pane);
      const [across, down] = [0.1 * pane.width, 0.1 * pane.height];
      put(pane, tool, [x - across, y - down], [x + across, y + down]);
    }),
    moveShape: redrawing((right, down, isResize) => {
      const { active: pane, tool } = viewer;
      const [x0, y0, x1, y1] = shapesOf(viewer, tool).get(pane.meta.key);
      let [from, to] = [toScreen(pane, x0, y0), toScreen(pane, x1, y1)];
      if (tool !== "ruler" && from[0] > to[0]) [from, to] = [[to[0], from[1]], [from[0], to[1]]];
      if (!isResize) from = [from[0] + right, from[1] + down];
      put(pane, tool, from, [to[0] + right, to[1] + down]);
    }),
  };
}

// One pane over the whole stage (null: all of them again).
function enlarge(viewer, pane) {
  viewer.enlarged = pane;
  arrange(viewer);
}
