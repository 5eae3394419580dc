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
  volume.grey = await bytesOf(`data:image/webp;base64,${volume.image}`);
  volume.truth = await maskOf(volume, volume.truth);
  volume.planes = planesOf(volume);
  volume.windows = {};
  volume.masks = new Map();
  return volume;
}

// One byte a pixel of a whole sprite.
async function bytesOf(address) {
  const sprite = new Image();
  sprite.src = address;
  await sprite.decode();
  const canvas = make("canvas", { width: sprite.width, height: sprite.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(sprite, 0, 0);
  const pixels = context.getImageData(0, 0, sprite.width, sprite.height).data;
  const bytes = new Uint8Array(pixels.length / 4);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = pixels[4 * at];
  return bytes;
}

// 1 inside; of several classes their numbers, which are the grey values.
async function maskOf(volume, text) {
  const bytes = await bytesOf(`data:image/png;base64,${text}`);
  return volume.classes ? bytes : bytes.map((value) => (value > 127 ? 1 : 0));
}

function predictionOf(volume, method, n, draw) {
  return volume.predictions.find((one) => one.method === method && one.n === n && one.draw === draw);
}

async function predictedMask(volume, prediction) {
  if (!volume.masks.has(prediction)) volume.masks.set(prediction, maskOf(volume, prediction.mask));
  return volume.masks.get(prediction);
}
