// Hands what the viewer asks for to Python, and what Python answers to the viewer. A component of its
// own, so that an answer brings tiles alone and not every picture again.

const FEEDERS = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  FEEDERS.get(parentElement)?.();
  const length = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  const { channel } = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + length)));
  const ask = ({ detail }) => {
    if (detail.channel === channel) setTriggerValue("wanted", detail);
  };
  document.addEventListener("mammo-tiles-wanted", ask);
  const stop = () => document.removeEventListener("mammo-tiles-wanted", ask);
  FEEDERS.set(parentElement, stop);
  document.dispatchEvent(new CustomEvent("mammo-tiles", { detail: data }));
  return stop;
}
