// One pane onto its canvas, bottom up: grey image, heatmap, regions, the reader's box, the lens.

const INK = { region: "#ffd166", truth: "#7ee787", measure: "#ffb3f0", reader: "#66d9ff", dark: "rgb(0 0 0 / 0.75)", light: "rgb(255 255 255 / 0.6)" };
const LEAST_FOR_TEXT = 180; // screen pixels; a thumbnail has no room for words
const LENS = { radius: 110, magnification: 2.5 };
const CLOSE = 4; // screen pixels per stored one; closer than that, they are shown as they are
const WHOLE = 1e-6; // a zoom so near to a whole number is one

function drawPane(pane, viewer) {
  const { canvas, context } = pane;
  const ratio = window.devicePixelRatio;
  const width = Math.round(pane.width * ratio);
  const height = Math.round(pane.height * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    Object.assign(canvas, { width, height }); // and as large on the screen: stretched by a fraction, it would be blurred
    Object.assign(canvas.style, { width: `${width / ratio}px`, height: `${height / ratio}px` });
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = "black";
  context.fillRect(0, 0, pane.width, pane.height);
  const place = placement(pane);
  drawGrey(viewer, pane, place, [0, 0, pane.width, pane.height]);
  if (viewer.settings.isAiShown) {
    drawHeat(pane, place, viewer.settings);
    for (const [x0, y0, x1, y1, text, isRound] of pane.meta.boxes) {
      drawBox(pane, [x0, y0, x1, y1], { text, ink: INK.region, dash: [], isRound });
    }
  }
  if (viewer.isTruthShown) {
    for (const [x0, y0, x1, y1, text, isRound] of pane.meta.truth) {
      drawBox(pane, [x0, y0, x1, y1], { text: text || "truth", ink: INK.truth, dash: [2, 3], isRound });
    }
  }
  const drawn = viewer.drawn.get(pane.meta.key);
  if (drawn) drawBox(pane, drawn, { text: "your box", ink: INK.reader, dash: [6, 4] });
  drawMeasures(pane, viewer);
  if (pane.lensAt) drawLens(viewer, pane, place);
}

// Everything in the image's own frame goes through here, so a mirrored pane mirrors all of it.
function inFrame(pane, { scale, x, y }, draw) {
  const { context } = pane;
  const [rows, columns] = pane.meta.frame;
  context.save();
  context.translate(pane.meta.isMirrored ? x + scale * columns : x, y);
  context.scale(pane.meta.isMirrored ? -scale : scale, scale);
  draw(context, columns, rows);
  context.restore();
}

// What was sent first, and over it the tiles that have come, where those show more.
function drawGrey(viewer, pane, place, bounds) {
  const zoom = (place.scale * window.devicePixelRatio * pane.meta.frame[0]) / pane.meta.size[0];
  const source = greyCanvas(levelFor(pane.levels, zoom), toneOf(pane));
  inFrame(pane, place, (context, columns, rows) => {
    context.imageSmoothingEnabled = zoom < CLOSE && !isWhole(zoom);
    context.drawImage(source, 0, 0, columns, rows);
  });
  const { fullSize, pixelsUrl, pixelsSize, size } = pane.meta;
  if (!fullSize || zoom <= 1) return;
  if (pixelsUrl && zoom <= pixelsSize[0] / size[0]) wantPixels(viewer, pane);
  else drawTiles(viewer, pane, place, bounds);
}

function drawTiles(viewer, pane, place, bounds) {
  const within = storedWithin(pane, place, bounds);
  const middle = (within[1] + within[3]) / 2;
  inStoredPixels(pane, place, (context) => {
    for (const { number, y } of tilesOf(pane, within)) {
      const tile = findTile(viewer, pane, number, Math.abs(y + BAND / 2 - middle));
      if (tile) context.drawImage(greyCanvas(tile, toneOf(pane)), 0, y);
    }
  });
}

function isWhole(zoom) {
  return zoom >= 1 - WHOLE && Math.abs(zoom - Math.round(zoom)) < WHOLE;
}

// Draws in stored pixels. Where one covers a whole number of the screen's it is put on those exactly,
// and nothing is smoothed: what is shown at 1:1 is what is stored.
function inStoredPixels(pane, place, draw) {
  const { context, meta } = pane;
  const ratio = window.devicePixelRatio;
  const zoom = (place.scale * ratio) / detail(pane);
  const isExact = isWhole(zoom);
  const scale = isExact ? Math.round(zoom) : zoom;
  const [x, y] = [place.x * ratio, place.y * ratio].map((at) => (isExact ? Math.round(at) : at));
  context.save();
  if (meta.isMirrored) context.setTransform(-scale, 0, 0, scale, x + scale * meta.fullSize[1], y);
  else context.setTransform(scale, 0, 0, scale, x, y);
  context.imageSmoothingEnabled = !isExact && zoom < CLOSE;
  context.imageSmoothingQuality = zoom < 1 ? "high" : "low";
  draw(context);
  context.restore();
}

// Panes have their own presets; one that lacks the chosen one keeps its last.
function presetOf(pane) {
  return Math.min(pane.view.preset, pane.meta.windows.length - 1);
}

function drawHeat(pane, place, settings) {
  if (!pane.heat) return;
  const { heat } = pane;
  const look = `${settings.palette} ${settings.cutoff} ${settings.isContour}`;
  if (heat.look !== look) {
    heat.look = look;
    heat.canvas = settings.isContour ? null : heatCanvas(heat, settings.palette, settings.cutoff);
    heat.contours = settings.isContour ? contourLines(heat, settings.cutoff) : [];
  }
  inFrame(pane, place, (context, columns, rows) => {
    context.globalAlpha = heat.canvas ? settings.opacity : Math.min(1, 2 * settings.opacity);
    if (heat.canvas) context.drawImage(heat.canvas, 0, 0, columns, rows);
    for (const { at, segments } of heat.contours) {
      context.beginPath();
      for (const [x0, y0, x1, y1] of segments) {
        context.moveTo(x0 * columns, y0 * rows);
        context.lineTo(x1 * columns, y1 * rows);
      }
      const colour = colourTable(settings.palette)[Math.round(255 * at)];
      const halo = Math.max(...colour) < 160 ? INK.light : INK.dark;
      strokeTwice(context, cssColour(colour), { width: 1.6 / place.scale, halo });
    }
  });
}

// A dark line under a bright one, or the reverse, is seen on every background.
function strokeTwice(context, ink, { width, halo = INK.dark }) {
  context.strokeStyle = halo;
  context.lineWidth = 2 * width;
  context.stroke();
  context.strokeStyle = ink;
  context.lineWidth = width;
  context.stroke();
}

function drawBox(pane, [x0, y0, x1, y1], { text, ink, dash, isRound = false }) {
  const { context } = pane;
  const [ax, ay] = toScreen(pane, x0, y0);
  const [bx, by] = toScreen(pane, x1, y1);
  const left = Math.min(ax, bx);
  context.beginPath();
  const [width, height] = [Math.abs(bx - ax), by - ay];
  if (isRound) context.ellipse(left + width / 2, ay + height / 2, width / 2, height / 2, 0, 0, 2 * Math.PI);
  else context.rect(left, ay, width, height);
  context.setLineDash(dash);
  strokeTwice(context, ink, { width: 1.5 });
  context.setLineDash([]);
  drawText(pane, text, { left, top: ay >= 20 ? ay - 20 : by + 3, ink });
}

function drawText(pane, text, { left, top, ink }) {
  const { context } = pane;
  if (!text || pane.height < LEAST_FOR_TEXT) return;
  context.font = `600 12px ${getComputedStyle(pane.frame).fontFamily}`;
  const textWidth = context.measureText(text).width + 8;
  const textLeft = Math.max(0, Math.min(left, pane.width - textWidth));
  const textTop = Math.max(0, Math.min(top, pane.height - 18));
  context.fillStyle = INK.dark;
  context.fillRect(textLeft, textTop, textWidth, 17);
  context.fillStyle = ink;
  context.fillText(text, textLeft + 4, textTop + 13);
}

// The lens shows the image alone: what lies under the heatmap is what one wants to see closer. A stored
// pixel covers one pixel of the screen in it, or two, or three, whatever the zoom around it.
function drawLens(viewer, pane, place) {
  const { context } = pane;
  const [x, y] = pane.lensAt;
  const { radius } = LENS;
  const zoom = (place.scale * window.devicePixelRatio) / detail(pane);
  const magnification = Math.max(1, Math.round(LENS.magnification * zoom)) / zoom;
  context.save();
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  strokeTwice(context, "#d5dbe3", { width: 1.5 });
  context.clip();
  context.fillStyle = "black";
  context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  const closer = {
    scale: place.scale * magnification,
    x: x - (x - place.x) * magnification,
    y: y - (y - place.y) * magnification,
  };
  drawGrey(viewer, pane, closer, [x - radius, y - radius, x + radius, y + radius]);
  context.restore();
}
