// Perceptually even colour maps, sampled at every 15th of their 256 steps. Never jet: it draws
// borders where the values have none.

const COLOUR_MAPS = {
  inferno:
    "000004 0a0722 1e0c45 380962 510e6c 69166e 801f6c 982766 b0315b c63d4d d94d3d e9612b f47918 " +
    "fa9407 fcb014 f8cd37 f2ea69 fcffa4",
  viridis:
    "440154 481769 472a7a 433d84 3d4e8a 355e8d 2e6d8e 297b8e 23898e 1f978b 21a585 2eb37c 46c06f " +
    "65cb5e 89d548 b0dd2f d8e219 fde725",
};

// [red, green, blue] for each of 256 values.
function colourTable(name) {
  const stops = COLOUR_MAPS[name]
    .split(" ")
    .map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, value) => {
    const at = Math.min(Math.floor(value / 15), stops.length - 2);
    const part = value / 15 - at;
    return stops[at].map((low, channel) => Math.round(low + part * (stops[at + 1][channel] - low)));
  });
}

function cssColour([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

// With as much ink as on the images.
function cssGradient(name) {
  const stops = COLOUR_MAPS[name].split(" ").map((hex, i, all) => {
    const ink = Math.round((255 * i) / (all.length - 1)).toString(16).padStart(2, "0");
    return `#${hex}${ink}`;
  });
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
