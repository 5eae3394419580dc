// One slice with what lies over it, on a canvas. Why not a library: a viewer such as NiiVue needs WebGL, of which browsers give
// a page some sixteen views, and plotly's pictures take a second for a screen of panels; a slice here is there at once.
const TRUTH = [255, 90, 79];
const PREDICTION = [53, 214, 255];
const LONG_SIDE = 420;

function paint(canvas, volume, at, truth, predicted, look) {
  const { rows, columns, across, picture: sprite } = volume;
  const scale = Math.max(1, Math.round(LONG_SIDE / Math.max(rows, columns)));
  if (canvas.width !== columns * scale || canvas.height !== rows * scale) Object.assign(canvas, { width: columns * scale, height: rows * scale });
  canvas.style.aspectRatio = String(volume.ratio);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = true;
  context.drawImage(sprite, (at % across) * columns, Math.floor(at / across) * rows, columns, rows, 0, 0, canvas.width, canvas.height);
  if (predicted && look.errors) paintErrors(context, truth, predicted, rows, columns);
  if (look.contours) {
    outline(context, truth, rows, columns, scale, TRUTH);
    if (predicted) outline(context, predicted, rows, columns, scale, PREDICTION);
  }
}

function paintErrors(context, truth, predicted, rows, columns) {
  const overlay = new ImageData(columns, rows);
  for (let at = 0; at < truth.length; at += 1) {
    if (truth[at] === predicted[at]) continue;
    overlay.data.set([...(truth[at] ? TRUTH : PREDICTION), 150], 4 * at);
  }
  const small = make("canvas", { width: columns, height: rows });
  small.getContext("2d").putImageData(overlay, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, context.canvas.width, context.canvas.height);
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
