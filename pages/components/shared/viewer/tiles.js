// The image at full resolution, in tiles of which only those are asked for that the zoom shows. They
// come through the component that feeder.js draws, beside this one: a picture is never sent twice.

const TILE = 512; // stored pixels a side, as viewer.py cuts them
const MOST_KEPT = 256; // tiles in the browser beside those in view: 128 MB, and twice that once drawn
const MOST_ASKED = 16; // at a time
const ASK_DELAY = 40; // ms without a drawing, so that a zoom asks once
const ANSWER_WITHIN = 20_000; // ms; a page that is reading a case answers late

// The tiles of `pane` that hold the stored pixels [x0, y0, x1, y1], by number.
function tilesOf(pane, [x0, y0, x1, y1]) {
  const across = Math.ceil(pane.meta.fullSize[1] / TILE);
  const found = [];
  for (let row = Math.floor(y0 / TILE); row * TILE < y1; row += 1) {
    for (let column = Math.floor(x0 / TILE); column * TILE < x1; column += 1) {
      found.push({ number: row * across + column, x: column * TILE, y: row * TILE });
    }
  }
  return x0 < x1 ? found : [];
}

function tileName(pane, number) {
  return `${number} ${pane.meta.key}`;
}

// The tile, or undefined: then it will be asked for, the sooner the lower its `distance`.
function findTile(viewer, pane, number, distance = 0) {
  const name = tileName(pane, number);
  const tile = viewer.tiles.get(name);
  if (tile) {
    tile.drawing = viewer.drawing;
    viewer.tiles.delete(name); // what was looked at last is kept longest
    viewer.tiles.set(name, tile);
  } else {
    viewer.wanted.set(name, { key: pane.meta.key, number, distance });
  }
  return tile;
}

// Called after every drawing, which has found out what it lacks.
function askForTiles(viewer) {
  clearTimeout(viewer.asking);
  if (!viewer.wanted.size || viewer.asked) return;
  viewer.asking = setTimeout(() => {
    const nearest = [...viewer.wanted.values()].sort((one, other) => one.distance - other.distance);
    const tiles = nearest.slice(0, MOST_ASKED).map(({ key, number }) => [key, number]);
    viewer.asked = { number: Date.now(), started: performance.now() };
    const detail = { channel: viewer.channel, number: viewer.asked.number, tiles };
    document.dispatchEvent(new CustomEvent("mammo-tiles-wanted", { detail }));
    viewer.late = setTimeout(() => {
      viewer.asked = null;
      redraw(viewer);
    }, ANSWER_WITHIN);
  }, ASK_DELAY);
}

// Takes what feeder.js hands on; an answer without tiles ends the asking, or it would never end.
function listenToTiles(viewer) {
  const take = ({ detail: data }) => {
    const { header, next } = openMessage(data);
    if (header.channel !== viewer.channel) return;
    for (const { key, number, size } of header.tiles) {
      const pixels = next(Uint16Array, size[0] * size[1]);
      const tile = { pixels: pixels.slice(), rows: size[0], columns: size[1], canvas: null, shown: "" };
      tile.drawing = viewer.drawing;
      viewer.tiles.set(`${number} ${key}`, tile);
    }
    forgetTiles(viewer);
    if (header.number !== viewer.asked?.number) return;
    clearTimeout(viewer.late);
    viewer.root.dataset.tileMs = (performance.now() - viewer.asked.started).toFixed(0);
    viewer.asked = header.tiles.length ? null : viewer.asked;
    redraw(viewer);
  };
  document.addEventListener("mammo-tiles", take);
  return () => document.removeEventListener("mammo-tiles", take);
}

function forgetTiles({ tiles, drawing }) {
  for (const [name, tile] of tiles) {
    if (tiles.size <= MOST_KEPT || tile.drawing === drawing) return;
    tiles.delete(name);
  }
}

// The value of the stored pixel, or of the overview's while its tile has not come.
function valueAt(viewer, pane, column, row) {
  const { meta, levels } = pane;
  const [rows, columns] = meta.fullSize ?? meta.size;
  const [x, y] = [Math.floor(column * detail(pane)), Math.floor(row * detail(pane))];
  if (x < 0 || y < 0 || x >= columns || y >= rows) return null;
  if (meta.fullSize) {
    const number = Math.floor(y / TILE) * Math.ceil(columns / TILE) + Math.floor(x / TILE);
    const tile = viewer.tiles.get(tileName(pane, number));
    if (tile) return { x, y, value: tile.pixels[(y % TILE) * tile.columns + (x % TILE)], isExact: true };
  }
  const [across, down] = [meta.size[1] / columns, meta.size[0] / rows];
  const at = Math.floor(y * down) * meta.size[1] + Math.floor(x * across);
  return { x, y, value: levels[0].pixels[at], isExact: !meta.fullSize };
}
