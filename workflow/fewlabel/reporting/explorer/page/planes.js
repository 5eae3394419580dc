// Planes through a volume: its own slices, and the two planes across them where the voxels allow.
const OPPOSITE = { S: "I", I: "S", A: "P", P: "A", L: "R", R: "L" };
const RANK = { S: 0, I: 0, A: 1, P: 1, L: 2, R: 2 };
const PLANES = { S: "axial", I: "axial", A: "coronal", P: "coronal", L: "sagittal", R: "sagittal" };
// Fewer slices, or slices that are thicker than so many pixels, show steps and no anatomy.
const LEAST_SLICES = 8;
const THICKEST = 6;

// In a picture S or A is on top, and R or A on the left, as radiologists look at them.
function planeOf(volume, normal) {
  const { axes, spacing } = volume;
  const sizes = [volume.slices.length, volume.rows, volume.columns];
  const [vertical, horizontal] = [0, 1, 2].filter((axis) => axis !== normal).sort((one, other) => RANK[axes[one]] - RANK[axes[other]]);
  const flip = [axes[vertical], axes[horizontal]].map((end, at) => (at ? "RA" : "SA").includes(end));
  const [bottom, right] = [axes[vertical], axes[horizontal]].map((end, at) => (flip[at] ? OPPOSITE[end] : end));
  return {
    normal, vertical, horizontal, flip, sizes, name: PLANES[axes[normal]], count: sizes[normal], rows: sizes[vertical], columns: sizes[horizontal],
    ratio: spacing[horizontal] / spacing[vertical], letters: { top: OPPOSITE[bottom], bottom, left: OPPOSITE[right], right },
  };
}

function planesOf(volume) {
  const { slices, spacing } = volume;
  const even = slices.every((number, at) => at === 0 || number - slices[at - 1] === 1);
  const across = even && slices.length >= LEAST_SLICES && spacing[0] <= THICKEST * Math.min(spacing[1], spacing[2]);
  return (across ? [0, 1, 2] : [0]).map((normal) => planeOf(volume, normal));
}

// One slice of a plane as (rows x columns) bytes, from the bytes of a sprite.
function sliceOf(volume, bytes, plane, at) {
  const { across, rows, columns } = volume;
  const slice = new Uint8Array(plane.rows * plane.columns);
  const place = [0, 0, 0];
  place[plane.normal] = at;
  for (let row = 0, index = 0; row < plane.rows; row += 1) {
    place[plane.vertical] = plane.flip[0] ? plane.rows - 1 - row : row;
    for (let column = 0; column < plane.columns; column += 1, index += 1) {
      place[plane.horizontal] = plane.flip[1] ? plane.columns - 1 - column : column;
      slice[index] = bytes[(Math.floor(place[0] / across) * rows + place[1]) * across * columns + (place[0] % across) * columns + place[2]];
    }
  }
  return slice;
}

// The slice that shows most of the target.
function fullestSlice(volume, plane) {
  let [best, most] = [Math.floor(plane.count / 2), 0];
  for (let at = 0; at < plane.count; at += 1) {
    const size = sliceOf(volume, volume.truth, plane, at).reduce((sum, pixel) => sum + (pixel ? 1 : 0), 0);
    if (size > most) [best, most] = [at, size];
  }
  return best;
}

const wholeWindow = ({ rows, columns }) => ({ left: 0, top: 0, wide: columns, high: rows });

// Around the target in all slices of a plane, with a third of its size left on every side; the same for all methods.
function targetWindow(volume, plane) {
  volume.windows[plane.normal] ??= around(volume, plane) ?? wholeWindow(plane);
  return volume.windows[plane.normal];
}

function around(volume, plane) {
  const filled = [new Set(), new Set()];
  for (let at = 0; at < plane.count; at += 1) {
    sliceOf(volume, volume.truth, plane, at).forEach((pixel, index) => {
      if (pixel) [Math.floor(index / plane.columns), index % plane.columns].forEach((value, axis) => filled[axis].add(value));
    });
  }
  if (!filled[0].size) return null;
  const [[top, high], [left, wide]] = [plane.rows, plane.columns].map((size, axis) => {
    const [low, end] = [Math.min(...filled[axis]), Math.max(...filled[axis]) + 1];
    const margin = Math.ceil((end - low) / 3);
    const start = Math.max(0, low - margin);
    return [start, Math.min(size, end + margin) - start];
  });
  return { left, top, wide, high };
}
