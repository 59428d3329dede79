// What payload.py wrote: the header, with pixels and heat put into its cells.

function unpack(data) {
  const { header, next } = openMessage(data);
  for (const cell of [...header.cells, ...header.strip]) {
    if (cell.missing) continue;
    cell.pixels = next(Uint16Array, cell.size[0] * cell.size[1]);
    cell.heat = cell.heatSize ? next(Uint8Array, cell.heatSize[0] * cell.heatSize[1]) : null;
  }
  return header;
}
