// The heatmap as colour or as contour lines, interpolated to a fine grid first: a colour between
// two cells is then the colour of the value between them, and contours are smooth.

const FINE_SIDE = 320; // cells along the longer side
const CONTOURS = [0.25, 0.5, 0.75];

function fineHeat(heat, [rows, columns]) {
  const factor = Math.max(1, Math.ceil(FINE_SIDE / Math.max(rows, columns)));
  const fine = { rows: rows * factor, columns: columns * factor };
  fine.values = new Uint8Array(fine.rows * fine.columns);
  const across = Array.from({ length: fine.columns }, (_, i) => between(i, factor, columns));
  for (let row = 0; row < fine.rows; row += 1) {
    const [top, bottom, down] = between(row, factor, rows);
    for (let column = 0; column < fine.columns; column += 1) {
      const [left, right, part] = across[column];
      const upper = mix(heat[top * columns + left], heat[top * columns + right], part);
      const lower = mix(heat[bottom * columns + left], heat[bottom * columns + right], part);
      fine.values[row * fine.columns + column] = Math.round(mix(upper, lower, down));
    }
  }
  return fine;
}

// The two cells whose centres lie on either side of fine cell `index`, and how far between them.
function between(index, factor, count) {
  const at = Math.min(count - 1, Math.max(0, (index + 0.5) / factor - 0.5));
  const first = Math.floor(at);
  return [first, Math.min(count - 1, first + 1), at - first];
}

function mix(low, high, part) {
  return low + part * (high - low);
}

// Colour says how high; what is low is also thin, so that a faint map looks faint.
function heatCanvas(fine, palette, cutoff) {
  const canvas = new OffscreenCanvas(fine.columns, fine.rows);
  const context = canvas.getContext("2d");
  const image = context.createImageData(fine.columns, fine.rows);
  const target = new Uint32Array(image.data.buffer);
  const table = colourTable(palette).map(([red, green, blue], value) => {
    const alpha = value / 255 < cutoff ? 0 : value;
    return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
  fine.values.forEach((value, i) => {
    target[i] = table[value];
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

// Marching squares: for each level a path in fractions of the frame's width and height.
function contourLines(fine, cutoff) {
  const levels = [...new Set([cutoff, ...CONTOURS])].filter((at) => at > 0 && at >= cutoff);
  return levels.map((at) => ({ at, segments: segmentsAt(fine, 255 * at) }));
}

function segmentsAt({ values, rows, columns }, at) {
  const segments = [];
  for (let row = 0; row + 1 < rows; row += 1) {
    for (let column = 0; column + 1 < columns; column += 1) {
      const i = row * columns + column;
      const corners = [values[i], values[i + 1], values[i + columns + 1], values[i + columns]];
      const crossings = [];
      for (let edge = 0; edge < 4; edge += 1) {
        const from = corners[edge];
        const to = corners[(edge + 1) % 4];
        if (from >= at === to >= at) continue;
        const part = (at - from) / (to - from);
        const x = [part, 1, 1 - part, 0][edge];
        const y = [0, part, 1, 1 - part][edge];
        crossings.push((column + 0.5 + x) / columns, (row + 0.5 + y) / rows);
      }
      for (let start = 0; start + 3 < crossings.length; start += 4) {
        segments.push(crossings.slice(start, start + 4));
      }
    }
  }
  return segments;
}
