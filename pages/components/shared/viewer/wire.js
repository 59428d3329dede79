// The message from wire.py: its header, and its arrays where they lie, uncopied.

const LENGTH_BYTES = 4;

// { header, next }: next(kind, length) is the next array, such as next(Uint16Array, 12).
function openMessage(data) {
  // Typed arrays need aligned starts; the message may begin anywhere in the socket's buffer.
  const bytes = data.byteOffset % 8 === 0 ? data : data.slice();
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const text = bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + headerLength);
  const header = JSON.parse(new TextDecoder().decode(text));
  const start = bytes.byteOffset + LENGTH_BYTES + headerLength;
  const offsets = header.offsets[Symbol.iterator]();
  const next = (kind, length) => new kind(bytes.buffer, start + offsets.next().value, length);
  return { header, next };
}
