// Keys of the volume browser. They count only while it has the focus, so that they never take a screen reader's own.
function nextCount() {
  const counts = countsOf(view.cohort);
  if (!counts.length) return;
  const at = counts.findIndex((n) => view.counts.has(n));
  view.counts = new Set([counts[(at + 1) % counts.length]]);
  refresh();
}

function nextDraw() {
  const { draws } = study.cohorts[view.cohort];
  if (!draws.length) return;
  view.draw = draws[(draws.indexOf(view.draw) + 1) % draws.length];
  refresh();
}

function nextOrder() {
  const orders = Object.keys(ORDERS);
  reorder(orders[(orders.indexOf(view.order) + 1) % orders.length]);
}

function nextPlane() {
  if (view.volume) turn((view.plane.normal + 1) % view.volume.planes.length);
}

function nextWindow() {
  const names = Object.keys(WINDOWS);
  setWindow(names[(names.indexOf(windowName()) + 1) % names.length]);
}

const KEYS = {
  ArrowUp: () => toSlice(view.at + 1), ArrowDown: () => toSlice(view.at - 1),
  PageUp: () => toSlice(view.at + 5), PageDown: () => toSlice(view.at - 5),
  Home: () => toSlice(0), End: () => toSlice(Infinity), m: () => view.volume && toSlice(fullestSlice(view.volume, view.plane)),
  ArrowLeft: () => step(-1), ArrowRight: () => step(1),
  c: flipContours, p: nextPlane, w: nextWindow, e: () => flip("errors"), z: () => flip("zoom"), n: nextCount, d: nextDraw, o: nextOrder,
};

function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select")) return;
  // A slider has arrow keys of its own.
  if (event.target.matches("input[type=range]") && event.key.length > 1) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function wheeled(event) {
  // Without the focus the wheel scrolls the page, as people expect.
  if (event.ctrlKey || !element("viewer").contains(document.activeElement)) return;
  event.preventDefault();
  toSlice(view.at + (event.deltaY < 0 ? 1 : -1));
}
