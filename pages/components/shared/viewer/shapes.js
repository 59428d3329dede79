// What the reader lays on an image: a box, which goes to Python; a ruler and a region to be measured,
// which stay in the browser (measures.js). A shape is [x0, y0, x1, y1] in the image's frame; a pane has one of each.

const SMALLEST_SHAPE = 4; // lengths of the frame; less is a click
const SHAPE_TOOLS = ["box", "ruler", "roi"];

function shapesOf(viewer, tool) {
  return { box: viewer.drawn, ruler: viewer.rulers, roi: viewer.rois }[tool];
}

// From the two ends of a drag on the screen; a ruler keeps its direction.
function draggedShape(pane, tool, start, now) {
  const [rows, columns] = pane.meta.frame;
  const within = (value, most) => Math.min(most, Math.max(0, value));
  const ends = [toImage(pane, ...start), toImage(pane, ...now)];
  const [[ax, ay], [bx, by]] = ends.map(([x, y]) => [within(x, columns), within(y, rows)]);
  if (tool === "ruler") return [ax, ay, bx, by];
  const ordered = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
  return tool === "box" ? ordered.map(Math.round) : ordered;
}

// Where a shape is put without a mouse: on the breast, or in the middle of what is seen of it.
function middleOf(pane) {
  const [left, top, right, bottom] = pane.meta.focus;
  const [x, y] = toScreen(pane, (left + right) / 2, (top + bottom) / 2);
  const isSeen = x > 0 && y > 0 && x < pane.width && y < pane.height;
  return isSeen ? [x, y] : [pane.width / 2, pane.height / 2];
}

function isShape(tool, [x0, y0, x1, y1]) {
  if (tool === "ruler") return Math.hypot(x1 - x0, y1 - y0) >= SMALLEST_SHAPE;
  return x1 - x0 >= SMALLEST_SHAPE && y1 - y0 >= SMALLEST_SHAPE;
}

function drawMeasures(pane, viewer) {
  const roi = viewer.rois.get(pane.meta.key);
  const ruler = viewer.rulers.get(pane.meta.key);
  if (roi) drawBox(pane, roi, { text: roiText(viewer, pane, roi), ink: INK.measure, dash: [] });
  if (ruler) drawRuler(pane, ruler);
  pane.measured = [roi && roiText(viewer, pane, roi), ruler && rulerText(pane, ruler)].filter(Boolean);
}

function drawRuler(pane, ruler) {
  const { context } = pane;
  const [ax, ay] = toScreen(pane, ruler[0], ruler[1]);
  const [bx, by] = toScreen(pane, ruler[2], ruler[3]);
  const length = Math.hypot(bx - ax, by - ay) || 1;
  const [across, down] = [(-5 * (by - ay)) / length, (5 * (bx - ax)) / length];
  context.beginPath();
  context.moveTo(ax, ay);
  context.lineTo(bx, by);
  for (const [x, y] of [[ax, ay], [bx, by]]) {
    context.moveTo(x - across, y - down);
    context.lineTo(x + across, y + down);
  }
  strokeTwice(context, INK.measure, { width: 1.5 });
  drawText(pane, rulerText(pane, ruler), { left: bx + 8, top: by - 8, ink: INK.measure });
}

function rulerText(pane, [x0, y0, x1, y1]) {
  const { meta } = pane;
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (!meta.spacingMm) return `${(length * detail(pane) * reducedBy(pane)).toFixed(0)} pixels`;
  return `${(length * meta.spacingMm).toFixed(1)} mm${meta.isAtDetector ? " at the detector" : ""}`;
}

// Measured on the stored pixels, or on reduced ones where no others are there; never on what the screen
// shows of them.
function roiText(viewer, pane, roi) {
  const by = detail(pane);
  const [rows, columns] = pane.meta.fullSize ?? pane.meta.size;
  const [x0, y0] = [Math.floor(roi[0] * by), Math.floor(roi[1] * by)];
  const [x1, y1] = [Math.min(columns, Math.ceil(roi[2] * by)), Math.min(rows, Math.ceil(roi[3] * by))];
  const name = [pane.meta.key, x0, y0, x1, y1].join(" ");
  if (pane.roi?.name !== name || !pane.roi.text) {
    pane.roi = { name, text: measuredText(viewer, pane, [x0, y0, x1, y1]) };
  }
  return pane.roi.text || "fetching the stored pixels";
}

// "" while tiles are missing; those are then asked for before all others.
function measuredText(viewer, pane, within) {
  const parts = pane.meta.fullSize
    ? tilesOf(pane, within).map(({ number, y }) => ({ tile: findTile(viewer, pane, number, -1), y }))
    : [{ tile: pane.levels[0], y: 0 }];
  if (!parts.every(({ tile }) => tile)) return "";
  let [count, sum, squares] = [0, 0, 0];
  for (const { tile, y } of parts) {
    const bottom = Math.min(tile.rows, within[3] - y);
    for (let row = Math.max(0, within[1] - y); row < bottom; row += 1) {
      for (let column = within[0]; column < within[2]; column += 1) {
        const value = tile.pixels[row * tile.columns + column];
        count += 1;
        sum += value;
        squares += value * value;
      }
    }
  }
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
  const reduced = reducedBy(pane) > 1 ? "reduced " : "";
  return `mean ${mean.toFixed(1)}, SD ${deviation.toFixed(1)}, of ${count} ${reduced}pixels`;
}
