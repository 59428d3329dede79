// 16-bit pixels to grey on the screen. The window is a table looked up per pixel, so moving it is
// one pass over the image; halved copies keep that pass small when the image is shown small.

const STRIPE_ROWS = 128; // bounds the scratch memory of a pass
const SMALLEST_LEVEL = 256; // pixels; halving further saves nothing

// The window after the reader's changes: `scale` widens it, `shift` moves it, in its own widths.
function adjustedWindow(base, view) {
  const width = base.high - base.low;
  const centre = (base.low + base.high) / 2 + view.shift * width;
  const half = (width * view.scale) / 2;
  return { low: centre - half, high: centre + half, centre, width: 2 * half, isSigmoid: base.is_sigmoid };
}

function greyTable(grey, isInverted, length) {
  const table = new Uint32Array(length);
  const { low, high, centre, width } = grey;
  for (let value = 0; value < length; value += 1) {
    // DICOM PS3.3 C.11.2.1.3.1 for the sigmoid.
    const shown = grey.isSigmoid
      ? 1 / (1 + Math.exp((-4 * (value - centre)) / width))
      : (value - low) / (high - low);
    const light = Math.round(255 * Math.min(1, Math.max(0, isInverted ? 1 - shown : shown)));
    table[value] = 0xff000000 | (light << 16) | (light << 8) | light;
  }
  return table;
}

// The table need not be longer than the brightest pixel.
function largest(pixels) {
  let most = 0;
  for (let i = 0; i < pixels.length; i += 1) if (pixels[i] > most) most = pixels[i];
  return most;
}

// The image at full size, half, quarter, ...
function halvedLevels(pixels, [rows, columns]) {
  const levels = [{ pixels, rows, columns, canvas: null, shown: "" }];
  while (Math.max(levels.at(-1).rows, levels.at(-1).columns) >= 2 * SMALLEST_LEVEL) {
    levels.push(halved(levels.at(-1)));
  }
  return levels;
}

function halved({ pixels, columns, rows }) {
  const smallRows = rows >> 1;
  const smallColumns = columns >> 1;
  const small = new Uint16Array(smallRows * smallColumns);
  for (let row = 0; row < smallRows; row += 1) {
    let above = 2 * row * columns;
    let below = above + columns;
    let target = row * smallColumns;
    for (let column = 0; column < smallColumns; column += 1) {
      small[target] =
        (pixels[above] + pixels[above + 1] + pixels[below] + pixels[below + 1] + 2) >> 2;
      target += 1;
      above += 2;
      below += 2;
    }
  }
  return { pixels: small, rows: smallRows, columns: smallColumns, canvas: null, shown: "" };
}

// The smallest level that still has a pixel for every pixel of the screen.
function levelFor(levels, devicePixelsPerPixel) {
  const halvings = Math.floor(Math.log2(1 / Math.max(devicePixelsPerPixel, 1e-6)));
  return levels[Math.min(levels.length - 1, Math.max(0, halvings))];
}

// The pane's table as its view asks for it, made anew only if that changed.
function toneOf(pane) {
  const grey = adjustedWindow(pane.meta.windows[presetOf(pane)], pane.view);
  const { isInverted } = pane.view;
  const shown = `${grey.low} ${grey.high} ${grey.isSigmoid} ${isInverted}`;
  if (pane.tone?.shown !== shown) {
    pane.tone = { shown, table: greyTable(grey, isInverted, pane.tableLength) };
  }
  return pane.tone;
}

// A canvas of `level` under the window of `tone`, drawn anew only if that changed.
function greyCanvas(level, { table, shown }) {
  if (level.shown === shown) return level.canvas;
  level.canvas ??= new OffscreenCanvas(level.columns, level.rows);
  const context = level.canvas.getContext("2d", { alpha: false });
  const stripe = context.createImageData(level.columns, Math.min(STRIPE_ROWS, level.rows));
  const target = new Uint32Array(stripe.data.buffer);
  for (let row = 0; row < level.rows; row += STRIPE_ROWS) {
    const start = row * level.columns;
    const count = Math.min(target.length, level.pixels.length - start);
    for (let i = 0; i < count; i += 1) target[i] = table[level.pixels[start + i]];
    const rows = Math.min(STRIPE_ROWS, level.rows - row);
    context.putImageData(stripe, 0, row, 0, 0, level.columns, rows);
  }
  level.shown = shown;
  return level.canvas;
}
