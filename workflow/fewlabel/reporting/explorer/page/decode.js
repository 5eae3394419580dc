// Volumes as they lie in the page: JSON with pictures, which the browser's own decoders read; masks become bytes.
const decoded = new Map();
const KEPT = 4;

async function volumeOf(cohort, subject) {
  const { shown: present, volumes } = study.cohorts[cohort];
  const id = volumes[present.indexOf(subject)];
  if (!decoded.has(id)) decoded.set(id, load(id));
  const volume = decoded.get(id);
  // Few are kept, the last ones used: a decoded volume is many times larger than its text.
  decoded.delete(id);
  decoded.set(id, volume);
  while (decoded.size > KEPT) decoded.delete(decoded.keys().next().value);
  return volume;
}

async function load(id) {
  const volume = JSON.parse(element(`volume-${id}`).textContent);
  volume.picture = await picture(`data:image/webp;base64,${volume.image}`);
  volume.truth = await maskOf(volume, volume.truth);
  volume.masks = new Map();
  return volume;
}

async function picture(address) {
  const made = new Image();
  made.src = address;
  await made.decode();
  return made;
}

// One byte a pixel of the whole sprite: 1 inside.
async function maskOf(volume, text) {
  const sprite = await picture(`data:image/png;base64,${text}`);
  const canvas = make("canvas", { width: sprite.width, height: sprite.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(sprite, 0, 0);
  const pixels = context.getImageData(0, 0, sprite.width, sprite.height).data;
  const mask = new Uint8Array(pixels.length / 4);
  for (let at = 0; at < mask.length; at += 1) mask[at] = pixels[4 * at] > 127 ? 1 : 0;
  return mask;
}

function predictionOf(volume, method, n, draw) {
  return volume.predictions.find((one) => one.method === method && one.n === n && one.draw === draw);
}

async function predictedMask(volume, prediction) {
  if (!volume.masks.has(prediction)) volume.masks.set(prediction, maskOf(volume, prediction.mask));
  return volume.masks.get(prediction);
}

// One slice of a mask as (rows x columns) bytes.
function sliceOf(volume, mask, at) {
  const { rows, columns, across } = volume;
  const [left, top, stride] = [(at % across) * columns, Math.floor(at / across) * rows, across * columns];
  const slice = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    const start = (top + row) * stride + left;
    slice.set(mask.subarray(start, start + columns), row * columns);
  }
  return slice;
}

// The slice that shows most of the target.
function fullestSlice(volume) {
  let [best, most] = [Math.floor(volume.slices.length / 2), 0];
  for (let at = 0; at < volume.slices.length; at += 1) {
    const size = sliceOf(volume, volume.truth, at).reduce((sum, pixel) => sum + pixel, 0);
    if (size > most) [best, most] = [at, size];
  }
  return best;
}
