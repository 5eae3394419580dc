// One slice with what lies over it, on a canvas. Why not a library: a viewer such as NiiVue needs WebGL, of which browsers give
// a page some sixteen views, and plotly's pictures take a second for a screen of panels; a slice here is there at once.
// Truth in cyan, as in the galleries; yellow is apart from it for every kind of colour vision.
const TRUTH = [53, 214, 255];
const PREDICTION = [255, 221, 51];
const LONG_SIDE = 420;

// The grey slice through a window of intensities, once for all panels.
function greySlice(volume, plane, at, { width, level }) {
  const { rows, columns } = plane;
  const grey = sliceOf(volume, volume.grey, plane, at);
  const [low, scale] = [2.55 * (level - width / 2), 100 / width];
  const image = new ImageData(columns, rows);
  for (let index = 0; index < grey.length; index += 1) {
    image.data.fill((grey[index] - low) * scale, 4 * index, 4 * index + 3);
    image.data[4 * index + 3] = 255;
  }
  const canvas = make("canvas", { width: columns, height: rows });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function paint(canvas, plane, grey, truth, predicted, look) {
  const { rows, columns } = plane;
  const { left, top, wide, high } = look.window;
  const scale = Math.max(1, Math.round(LONG_SIDE / Math.max(wide, high)));
  if (canvas.width !== wide * scale || canvas.height !== high * scale) Object.assign(canvas, { width: wide * scale, height: high * scale });
  canvas.style.aspectRatio = String((plane.ratio * wide) / high);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = true;
  context.drawImage(grey, left, top, wide, high, 0, 0, canvas.width, canvas.height);
  if (classesOf(view.cohort).length) {
    paintClasses(context, shownMask(truth), predicted && shownMask(predicted), rows, columns, look, scale);
    paintLetters(context, plane);
    return;
  }
  if (predicted && look.errors) paintErrors(context, truth, predicted, rows, columns, look.window);
  context.setTransform(1, 0, 0, 1, -left * scale, -top * scale);
  if (look.truth) outline(context, truth, rows, columns, scale, TRUTH);
  if (predicted && look.prediction) outline(context, predicted, rows, columns, scale, PREDICTION);
  context.resetTransform();
  paintLetters(context, plane);
}

// Which side of the patient is where. A canvas is stretched to the shape of its voxels; letters are not.
function paintLetters(context, { letters, ratio }) {
  const { width, height } = context.canvas;
  const size = Math.max(width * ratio, height) / 17;
  const wide = size / ratio;
  Object.assign(context, { font: `600 ${size}px system-ui, sans-serif`, textAlign: "center", textBaseline: "middle", fillStyle: "#fff", strokeStyle: "#000", lineWidth: size / 4, lineJoin: "round" });
  const places = { top: [width / 2, 0.7 * size], bottom: [width / 2, height - 0.6 * size], left: [0.7 * wide, height / 2], right: [width - 0.7 * wide, height / 2] };
  for (const [side, [x, y]] of Object.entries(places)) {
    context.setTransform(1 / ratio, 0, 0, 1, x, y);
    context.strokeText(letters[side], 0, 0);
    context.fillText(letters[side], 0, 0);
  }
  context.resetTransform();
}

function paintErrors(context, truth, predicted, rows, columns, window) {
  const overlay = new ImageData(columns, rows);
  for (let at = 0; at < truth.length; at += 1) {
    if (truth[at] === predicted[at]) continue;
    overlay.data.set([...(truth[at] ? TRUTH : PREDICTION), 150], 4 * at);
  }
  paintOverlay(context, overlay, window);
}

function paintOverlay(context, overlay, { left, top, wide, high }) {
  const small = make("canvas", { width: overlay.width, height: overlay.height });
  small.getContext("2d").putImageData(overlay, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, left, top, wide, high, 0, 0, context.canvas.width, context.canvas.height);
}

// Along the edges of pixels: exact, and the same at every size.
function borders(context, mask, rows, columns, scale, number, inset) {
  const inside = (row, column) => row >= 0 && row < rows && column >= 0 && column < columns && mask[row * columns + column] === number;
  context.beginPath();
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      if (!inside(row, column)) continue;
      const [left, top, right, bottom] = [column * scale + inset, row * scale + inset, (column + 1) * scale - inset, (row + 1) * scale - inset];
      if (!inside(row - 1, column)) { context.moveTo(left, top); context.lineTo(right, top); }
      if (!inside(row + 1, column)) { context.moveTo(left, bottom); context.lineTo(right, bottom); }
      if (!inside(row, column - 1)) { context.moveTo(left, top); context.lineTo(left, bottom); }
      if (!inside(row, column + 1)) { context.moveTo(right, top); context.lineTo(right, bottom); }
    }
  }
  context.lineCap = "round";
}

function outline(context, mask, rows, columns, scale, colour) {
  borders(context, mask, rows, columns, scale, 1, 0);
  // A dark edge keeps the line apart from bright tissue.
  for (const [width, style] of [[4.6, "rgba(0,0,0,.75)"], [2.2, `rgb(${colour.join(",")})`]]) {
    Object.assign(context, { lineWidth: width, strokeStyle: style });
    context.stroke();
  }
}
