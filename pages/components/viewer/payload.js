// The message from payload.py, unpacked without copying the pixels.

const LENGTH_BYTES = 4;

function unpack(data) {
  // Typed arrays need aligned starts; the message may begin anywhere in the socket's buffer.
  const bytes = data.byteOffset % 8 === 0 ? data : data.slice();
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const text = bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + headerLength);
  const header = JSON.parse(new TextDecoder().decode(text));
  const start = bytes.byteOffset + LENGTH_BYTES + headerLength;
  const offsets = header.offsets[Symbol.iterator]();
  const next = (kind, [rows, columns]) =>
    new kind(bytes.buffer, start + offsets.next().value, rows * columns);
  for (const cell of [...header.cells, ...header.strip]) {
    if (cell.missing) continue;
    cell.pixels = next(Uint16Array, cell.size);
    cell.heat = cell.heatSize ? next(Uint8Array, cell.heatSize) : null;
  }
  return header;
}
