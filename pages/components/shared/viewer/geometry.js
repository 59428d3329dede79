// Where a pane's image lies on its canvas. Lengths of an image are those of its frame, in which Python
// counts; a stored pixel is 1 / detail of that. A view is { zoom, panX, panY }: zoom 1 fits the cell,
// pan is in screen pixels. panX counts away from the edge the image hangs on, so one view shared by
// a right and a left breast moves both outwards or both inwards.

const MOST_ZOOM = 40; // screen pixels per stored pixel
const LEAST_ZOOM = 0.25; // of fit
const FOCUS_MARGIN = 0.03; // of the longer side

function newView() {
  return { zoom: 1, panX: 0, panY: 0, preset: 0, scale: 1, shift: 0, isInverted: false };
}

// Screen pixels per image pixel at which every pane fits its cell and all share one scale.
function fitScales(panes) {
  const shared = Math.min(...panes.map((pane) => ownFit(pane) / pane.meta.unit));
  return panes.map((pane) => shared * pane.meta.unit);
}

function ownFit(pane) {
  const { x0, y0, x1, y1 } = focus(pane);
  return Math.min(pane.width / (x1 - x0), pane.height / (y1 - y0));
}

// What fills the cell at zoom 1, in columns and rows as they lie on the screen: the breast with a
// margin, up to the very edge of the image where that is hung against the edge of the cell.
function focus(pane) {
  const { frame, isMirrored, anchor } = pane.meta;
  const [rows, columns] = frame;
  const [left, top, right, bottom] = pane.meta.focus;
  const margin = FOCUS_MARGIN * Math.max(right - left, bottom - top);
  const x0 = Math.max(0, (isMirrored ? columns - right : left) - margin);
  const x1 = Math.min(columns, (isMirrored ? columns - left : right) + margin);
  return {
    x0: anchor === "left" ? 0 : x0,
    x1: anchor === "right" ? columns : x1,
    y0: Math.max(0, top - margin),
    y1: Math.min(rows, bottom + margin),
  };
}

function outward(pane) {
  return pane.meta.anchor === "right" ? -1 : 1;
}

// Where across the cell, and across the focus, they meet while nothing is panned: 0 left, 1 right.
function anchorPart(pane) {
  if (pane.isAlone) return 0.5;
  return { left: 0, right: 1 }[pane.meta.anchor] ?? 0.5;
}

// { scale, x, y }: an image point (column, row) is drawn at (x + scale * column, y + scale * row);
// where the pane is mirrored the column is counted from the other side.
function placement(pane) {
  const scale = pane.fit * pane.view.zoom;
  const { x0, y0, x1, y1 } = focus(pane);
  const part = anchorPart(pane);
  return {
    scale,
    x: part * pane.width - scale * (x0 + part * (x1 - x0)) + outward(pane) * pane.view.panX,
    y: pane.height / 2 - (scale * (y0 + y1)) / 2 + pane.view.panY,
  };
}

function toImage(pane, screenX, screenY) {
  const { scale, x, y } = placement(pane);
  const column = (screenX - x) / scale;
  return [pane.meta.isMirrored ? pane.meta.frame[1] - column : column, (screenY - y) / scale];
}

function toScreen(pane, column, row) {
  const { scale, x, y } = placement(pane);
  return [x + scale * (pane.meta.isMirrored ? pane.meta.frame[1] - column : column), y + scale * row];
}

// The view after zooming by `factor` while the image point under (screenX, screenY) stays put.
function zoomedAt(pane, factor, screenX, screenY) {
  const { zoom, panX, panY } = pane.view;
  const most = (MOST_ZOOM * detail(pane)) / pane.fit;
  const next = Math.min(Math.max(most, 1), Math.max(LEAST_ZOOM, zoom * factor));
  const ratio = next / zoom;
  const fromAnchorX = outward(pane) * (screenX - anchorPart(pane) * pane.width);
  const fromAnchorY = screenY - pane.height / 2;
  return {
    zoom: next,
    panX: fromAnchorX - (fromAnchorX - panX) * ratio,
    panY: fromAnchorY - (fromAnchorY - panY) * ratio,
  };
}

// The view in which a box of the image lies in the middle and fills a third of the pane.
function viewOnto(pane, [x0, y0, x1, y1]) {
  const wanted = Math.min(pane.width / (x1 - x0), pane.height / (y1 - y0)) / 3;
  const middle = [pane.width / 2, pane.height / 2];
  const zoomed = zoomedAt(pane, wanted / (pane.fit * pane.view.zoom), ...middle);
  const [x, y] = toScreen({ ...pane, view: { ...pane.view, ...zoomed } }, (x0 + x1) / 2, (y0 + y1) / 2);
  return {
    zoom: zoomed.zoom,
    panX: zoomed.panX + outward(pane) * (middle[0] - x),
    panY: zoomed.panY + middle[1] - y,
  };
}

// Stored pixels per length of the frame; where only what was sent is there, its pixels.
function detail({ meta }) {
  return meta.fullSize ? meta.fullSize[0] / meta.frame[0] : 1;
}

// Of how many stored pixels, a side, each that is there is the mean: 1 where every one is.
function reducedBy({ meta }) {
  return meta.fullSize || meta.reduction <= 1.005 ? 1 : meta.reduction;
}

// 100 is one stored pixel per pixel of the screen; where only reduced ones are there, one of those.
function zoomPercent(pane) {
  return (100 * pane.fit * pane.view.zoom * window.devicePixelRatio) / detail(pane);
}

// The stored columns and rows that lie within `bounds` of the canvas: [x0, y0, x1, y1], x1 and y1 past
// the last; nothing of the image may lie there.
function storedWithin(pane, place, [left, top, right, bottom]) {
  const [rows, columns] = pane.meta.fullSize;
  const by = detail(pane) / place.scale;
  const across = [(left - place.x) * by, (right - place.x) * by];
  const [x0, x1] = pane.meta.isMirrored ? [columns - across[1], columns - across[0]] : across;
  const y0 = (top - place.y) * by;
  const y1 = (bottom - place.y) * by;
  return [
    Math.max(0, Math.floor(x0)),
    Math.max(0, Math.floor(y0)),
    Math.min(columns, Math.ceil(x1)),
    Math.min(rows, Math.ceil(y1)),
  ];
}

// A round length that is about a quarter of the pane wide.
function scaleBar(pane) {
  const millimetresPerScreenPixel = pane.meta.spacingMm / (pane.fit * pane.view.zoom);
  const wanted = (pane.width / 4) * millimetresPerScreenPixel;
  const lengths = [0.5, 1, 2, 5, 10, 20, 50, 100];
  const length = lengths.findLast((candidate) => candidate <= wanted) ?? lengths[0];
  return { length, pixels: length / millimetresPerScreenPixel };
}
