// One slice with what lies over it, on a canvas. Why not a library: a viewer such as NiiVue needs WebGL, of which browsers give
// a page some sixteen views, and plotly's pictures take a second for a screen of panels; a slice here is there at once.
const TRUTH = [255, 90, 79];
const PREDICTION = [53, 214, 255];
const LONG_SIDE = 420;

function paint(canvas, volume, at, truth, predicted, look) {
  const { rows, columns, across, picture: sprite } = volume;
  const { left, top, wide, high } = look.window;
  const scale = Math.max(1, Math.round(LONG_SIDE / Math.max(wide, high)));
  if (canvas.width !== wide * scale || canvas.height !== high * scale) Object.assign(canvas, { width: wide * scale, height: high * scale });
  canvas.style.aspectRatio = String((volume.ratio * wide * rows) / (columns * high));
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = true;
  context.drawImage(sprite, (at % across) * columns + left, Math.floor(at / across) * rows + top, wide, high, 0, 0, canvas.width, canvas.height);
  if (predicted && look.errors) paintErrors(context, truth, predicted, rows, columns, look.window);
  if (look.contours) {
    context.setTransform(1, 0, 0, 1, -left * scale, -top * scale);
    outline(context, truth, rows, columns, scale, TRUTH);
    if (predicted) outline(context, predicted, rows, columns, scale, PREDICTION);
    context.resetTransform();
  }
}

const wholeWindow = ({ rows, columns }) => ({ left: 0, top: 0, wide: columns, high: rows });

// Around the target in all slices, with a third of its size left on every side; the same for all slices and methods.
function targetWindow(volume) {
  if (!volume.window) volume.window = around(volume) ?? wholeWindow(volume);
  return volume.window;
}

function around(volume) {
  const { rows, columns } = volume;
  const filled = [new Set(), new Set()];
  for (let at = 0; at < volume.slices.length; at += 1) {
    sliceOf(volume, volume.truth, at).forEach((pixel, index) => {
      if (pixel) [Math.floor(index / columns), index % columns].forEach((value, axis) => filled[axis].add(value));
    });
  }
  if (!filled[0].size) return null;
  const [[top, high], [left, wide]] = [rows, columns].map((size, axis) => {
    const [low, end] = [Math.min(...filled[axis]), Math.max(...filled[axis]) + 1];
    const margin = Math.ceil((end - low) / 3);
    const start = Math.max(0, low - margin);
    return [start, Math.min(size, end + margin) - start];
  });
  return { left, top, wide, high };
}

function paintErrors(context, truth, predicted, rows, columns, { left, top, wide, high }) {
  const overlay = new ImageData(columns, rows);
  for (let at = 0; at < truth.length; at += 1) {
    if (truth[at] === predicted[at]) continue;
    overlay.data.set([...(truth[at] ? TRUTH : PREDICTION), 150], 4 * at);
  }
  const small = make("canvas", { width: columns, height: rows });
  small.getContext("2d").putImageData(overlay, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, left, top, wide, high, 0, 0, context.canvas.width, context.canvas.height);
}

// Along the edges of pixels: exact, and the same at every size.
function outline(context, mask, rows, columns, scale, colour) {
  const inside = (row, column) => row >= 0 && row < rows && column >= 0 && column < columns && mask[row * columns + column] === 1;
  context.beginPath();
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      if (!inside(row, column)) continue;
      const [left, top, right, bottom] = [column * scale, row * scale, (column + 1) * scale, (row + 1) * scale];
      if (!inside(row - 1, column)) { context.moveTo(left, top); context.lineTo(right, top); }
      if (!inside(row + 1, column)) { context.moveTo(left, bottom); context.lineTo(right, bottom); }
      if (!inside(row, column - 1)) { context.moveTo(left, top); context.lineTo(left, bottom); }
      if (!inside(row, column + 1)) { context.moveTo(right, top); context.lineTo(right, bottom); }
    }
  }
  context.lineWidth = 2.2;
  context.lineCap = "round";
  context.strokeStyle = `rgb(${colour.join(",")})`;
  context.stroke();
}
