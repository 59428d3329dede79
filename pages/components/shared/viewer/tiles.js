// The image at full resolution, of which only those rows are fetched that the zoom shows, over HTTP: the
// page may be busy with a model meanwhile.

const BAND = 256; // rows of a tile, which is as wide as the image
const MOST_KEPT = 96; // tiles in the browser beside those in view: 150 MB, and twice that once drawn
const MOST_FETCHED = 4; // at a time
const FETCH_DELAY = 40; // ms without a drawing, so that a zoom fetches once

// The tiles of `pane` that hold the stored pixels [x0, y0, x1, y1], by number.
function tilesOf(pane, [x0, y0, x1, y1]) {
  if (x0 >= x1 || y0 >= y1) return [];
  const first = Math.floor(y0 / BAND);
  const count = Math.ceil(y1 / BAND) - first;
  return Array.from({ length: count }, (_, i) => ({ number: first + i, y: (first + i) * BAND }));
}

// The tile, or undefined: then it will be fetched, the sooner the lower its `distance`.
function findTile(viewer, pane, number, distance = 0) {
  const name = `${number} ${pane.meta.fullUrl}`;
  const tile = viewer.tiles.get(name);
  if (tile) {
    tile.drawing = viewer.drawing;
    viewer.tiles.delete(name); // what was looked at last is kept longest
    viewer.tiles.set(name, tile);
  } else if (!pane.isGone) {
    viewer.wanted.set(name, { name, pane, number, distance });
  }
  return tile;
}

// Four panes on a fine screen show more than the overview, and far less than what is stored: then all
// that the page holds is fetched in its place.
function wantPixels(viewer, pane) {
  const name = pane.meta.pixelsUrl;
  if (!pane.isGone) viewer.wanted.set(name, { name, pane, number: null, distance: 0 });
}

// Called after every drawing, which has found out what it lacks.
function fetchTiles(viewer) {
  clearTimeout(viewer.fetching);
  if (!viewer.wanted.size) return;
  viewer.fetching = setTimeout(() => {
    const nearest = [...viewer.wanted.values()].sort((one, other) => one.distance - other.distance);
    for (const wanted of nearest) {
      const { name, pane } = wanted;
      const isHere = viewer.tiles.has(name) || (wanted.number === null && !pane.meta.pixelsUrl);
      const isAsked = isHere || viewer.asked.has(name); // it may have come since the drawing
      if (viewer.asked.size < MOST_FETCHED && !isAsked) fetchTile(viewer, wanted);
    }
  }, viewer.asked.size ? 0 : FETCH_DELAY);
}

async function fetchTile(viewer, { name, pane, number }) {
  viewer.asked.add(name);
  const { meta } = pane;
  const [rows, columns] = meta.fullSize;
  const count = Math.min(BAND, rows - number * BAND);
  try {
    if (number === null) {
      const pixels = await fetchPixels(meta.pixelsUrl, [0, 2 * meta.pixelsSize[0] * meta.pixelsSize[1]]);
      Object.assign(meta, { size: meta.pixelsSize, pixelsUrl: null });
      pane.levels = halvedLevels(pixels, meta.size);
    } else {
      const bytes = [2 * columns * number * BAND, 2 * columns * (number * BAND + count)];
      const pixels = await fetchPixels(meta.fullUrl, bytes);
      const { drawing } = viewer;
      viewer.tiles.set(name, { pixels, rows: count, columns, canvas: null, shown: "", drawing });
      forgetTiles(viewer);
    }
  } catch {
    pane.isGone = true; // the case was forgotten, or the server has ended: the page says which
  }
  viewer.asked.delete(name);
  redraw(viewer);
}

async function fetchPixels(url, [start, end]) {
  const answer = await fetch(url, { headers: { Range: `bytes=${start}-${end - 1}` }, cache: "no-store" });
  if (answer.status !== 206) throw new Error(answer.statusText);
  return new Uint16Array(await answer.arrayBuffer());
}

function forgetTiles({ tiles, drawing }) {
  for (const [name, tile] of tiles) {
    if (tiles.size <= MOST_KEPT || tile.drawing === drawing) return;
    tiles.delete(name);
  }
}

// The value of the stored pixel, or about that: of the overview while its tile has not come, or of what
// is there in its place.
function valueAt(viewer, pane, column, row) {
  const { meta, levels } = pane;
  const [rows, columns] = meta.fullSize ?? meta.size;
  const [x, y] = [Math.floor(column * detail(pane)), Math.floor(row * detail(pane))];
  if (x < 0 || y < 0 || x >= columns || y >= rows) return null;
  const tile = meta.fullSize && viewer.tiles.get(`${Math.floor(y / BAND)} ${meta.fullUrl}`);
  if (tile) return { x, y, value: tile.pixels[(y % BAND) * columns + x], isExact: true };
  const [across, down] = [meta.size[1] / columns, meta.size[0] / rows];
  const at = Math.floor(y * down) * meta.size[1] + Math.floor(x * across);
  const by = reducedBy(pane);
  const [storedX, storedY] = [Math.floor(x * by), Math.floor(y * by)];
  return { x: storedX, y: storedY, value: levels[0].pixels[at], isExact: !meta.fullSize && by === 1 };
}
