// Which images hang, and how: all of them or a pair, in rows or in one row, whichever shows them larger.

const HANGINGS = [
  { name: "All images", holds: () => true },
  { name: "CC pair", holds: ({ view }) => view === "CC" },
  { name: "MLO pair", holds: ({ view }) => view === "MLO" },
  { name: "Right breast", holds: ({ side }) => side === "R" },
  { name: "Left breast", holds: ({ side }) => side === "L" },
];

// Those that show some of the images, and not all.
function hangingsOf(viewer) {
  return HANGINGS.filter(({ holds }, i) => {
    const count = viewer.hung.filter((pane) => holds(pane.meta)).length;
    return i === 0 || (count > 0 && count < viewer.hung.length);
  });
}

function hangingOf(viewer) {
  return hangingsOf(viewer).find(({ name }) => name === viewer.hanging) ?? HANGINGS[0];
}

function hang(viewer, name) {
  viewer.hanging = name;
  viewer.enlarged = null;
  arrange(viewer);
}

// Gives every frame its place; the extra views keep theirs in the strip.
function arrange(viewer) {
  const { root, enlarged } = viewer;
  const hadFocus = root.getRootNode().activeElement?.classList.contains("pane");
  const { holds, name } = hangingOf(viewer);
  const isWhole = name === HANGINGS[0].name;
  viewer.shown = enlarged ? [enlarged] : viewer.hung.filter((pane) => holds(pane.meta));
  if (![...viewer.shown, ...viewer.extra].includes(viewer.active)) [viewer.active] = viewer.shown;
  root.classList.toggle("enlarged", enlarged !== null);
  viewer.stage.hidden = viewer.extra.includes(enlarged);
  viewer.strip.hidden = viewer.extra.length === 0 || viewer.hung.includes(enlarged);
  for (const { frame } of viewer.extra) frame.hidden = enlarged !== null && frame !== enlarged.frame;
  const cells = viewer.cells.filter(({ pane, frame }) => {
    frame.hidden = enlarged ? pane !== enlarged : !(isWhole || viewer.shown.includes(pane));
    return !frame.hidden;
  });
  const grid = gridOf(cells);
  viewer.isRow = viewer.isInOneRow ?? fitsBetterInOneRow(viewer, cells, grid);
  cells.forEach(({ frame, row, column }, i) => {
    const place = grid.rows === 1 || viewer.isRow ? [0, i] : [row - grid.top, column - grid.left];
    frame.style.setProperty("--row", place[0]);
    frame.style.setProperty("--column", place[1]);
  });
  layOut(viewer);
  const isLost = hadFocus && root.getRootNode().activeElement?.hidden !== false;
  if (isLost) viewer.active.frame.focus({ preventScroll: true }); // a hidden pane takes it along
}

function gridOf(cells) {
  const [rows, columns] = [cells.map(({ row }) => row), cells.map(({ column }) => column)];
  const [top, left] = [Math.min(...rows), Math.min(...columns)];
  return { top, left, rows: Math.max(...rows) - top + 1, columns: Math.max(...columns) - left + 1 };
}

const NARROWEST = 120; // pixels a pane needs for the words in its corners

function fitsBetterInOneRow({ stage }, cells, grid) {
  if (grid.rows === 1 || cells.every(({ pane }) => !pane)) return false;
  const { clientWidth: width, clientHeight: height } = stage;
  if (width < NARROWEST * cells.length) return false;
  const scale = (across, down) =>
    Math.min(
      ...cells
        .filter(({ pane }) => pane)
        .map(({ pane }) => ownFit({ ...pane, width: width / across, height: height / down }) / pane.meta.unit),
    );
  return scale(cells.length, 1) > scale(grid.columns, grid.rows);
}

// Measures the cells; the reader's pan grows and shrinks with them.
function layOut(viewer) {
  for (const pane of viewer.panes) {
    pane.width = Math.max(1, pane.frame.clientWidth);
    pane.height = Math.max(1, pane.frame.clientHeight);
  }
  const { shown } = viewer;
  const shared = fitScales(shown);
  for (const pane of viewer.panes) {
    const fit = shown.includes(pane) ? shared[shown.indexOf(pane)] : ownFit(pane);
    const { panX, panY } = pane.view;
    pane.view = { ...pane.view, panX: (panX * fit) / pane.fit, panY: (panY * fit) / pane.fit };
    pane.fit = fit;
    pane.isAlone = shown.length === 1;
  }
}
