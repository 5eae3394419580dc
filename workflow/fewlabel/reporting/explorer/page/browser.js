// The volume browser: what is chosen, its controls, and the panels beside each other.
const ORDERS = { worst: "worst first", best: "best first", name: "by name" };
const view = { cohort: 0, subject: null, counts: new Set(), draw: 1, at: 0, order: "worst", truth: true, prediction: true, errors: false, zoom: false, volume: null, plane: null, hidden: new Set(), normal: 0, width: 100, level: 50 };
// Width and level of the window, in percent of the intensities between the volume's two percentiles.
const WINDOWS = { full: ["full range", 100, 50], contrast: ["high contrast", 50, 50], dark: ["dark tissue", 50, 25], bright: ["bright tissue", 50, 75] };

// The N of curves on a cohort; a benchmark has its own and is shown whenever it is switched on.
function countsOf(cohort) {
  const counts = scoresOf(cohort).cells.filter((cell) => !methods.get(cell.method).benchmark).map((cell) => cell.n);
  return [...new Set(counts)].sort((one, other) => one - other);
}

function cellsInView() {
  const known = scoresOf(view.cohort).cells.filter((cell) => on.methods.has(cell.method));
  return known.filter((cell) => methods.get(cell.method).benchmark || view.counts.has(cell.n));
}

// A subject's mean Dice over what is beside each other now: by this they are ordered.
function subjectDice(subject) {
  const at = study.cohorts[view.cohort].subjects.indexOf(subject);
  return mean(cellsInView().map((cell) => scoreOf(cell, at)));
}

function scoreOf(cell, at) {
  const draw = cell.draws.indexOf(view.draw);
  return draw < 0 ? null : cell.dice[draw][at];
}

function orderedSubjects() {
  const rows = study.cohorts[view.cohort].shown.map((subject) => ({ subject, dice: subjectDice(subject) }));
  const sign = view.order === "best" ? -1 : 1;
  return rows.sort((one, other) => {
    const byDice = view.order === "name" || one.dice === null || other.dice === null ? 0 : sign * (one.dice - other.dice);
    return byDice || (one.subject < other.subject ? -1 : 1);
  });
}

function chooseCohort(cohort) {
  view.cohort = cohort;
  const counts = countsOf(cohort);
  if (!counts.some((n) => view.counts.has(n))) view.counts = new Set(counts.length ? [counts.includes(4) ? 4 : counts[Math.floor(counts.length / 2)]] : []);
  if (!study.cohorts[cohort].draws.includes(view.draw)) view.draw = study.cohorts[cohort].draws[0] ?? 1;
  if (!study.cohorts[cohort].shown.includes(view.subject)) view.subject = orderedSubjects()[0]?.subject ?? null;
}

function openVolume(cohort, subject, method, n) {
  if (method) on.methods.add(method);
  if (method && !methods.get(method).benchmark) view.counts = new Set([n]);
  on.cohorts.add(cohort);
  view.subject = subject;
  chooseCohort(cohort);
  switchesChanged();
  element("volumes").scrollIntoView();
  element("viewer").focus({ preventScroll: true });
}

async function showSubject() {
  const asked = view.subject;
  view.volume = null;
  element("viewer").setAttribute("aria-busy", "true");
  const volume = asked === null ? null : await volumeOf(view.cohort, asked);
  if (asked !== view.subject) return;
  view.volume = volume;
  element("viewer").removeAttribute("aria-busy");
  choosePlane(view.normal);
  showControls();
  await showPanels();
}

// A volume that does not allow a plane is shown in its own slices.
function choosePlane(normal) {
  const { volume } = view;
  view.plane = volume && (volume.planes[normal] ?? volume.planes[0]);
  view.at = volume ? fullestSlice(volume, view.plane) : 0;
}

// ------------------------------------------------------------------------------------------------------ controls
function field(text, short, ...inside) {
  return make("div", { class: short ? "field short" : "field" }, make("span", {}, text), make("div", { class: "row" }, ...inside));
}

function choice(id, label, options, value, chosenOne) {
  const made = make("select", { id, "aria-label": label, onchange: (event) => chosenOne(event.target.value) }, ...options.map(([key, text]) => make("option", { value: key }, text)));
  made.value = String(value);
  return made;
}

function toggle(id, text, name) {
  return make("button", { type: "button", id, "aria-pressed": String(view[name]), onclick: () => flip(name) }, text);
}

function showControls() {
  const { draws } = study.cohorts[view.cohort];
  const cohorts = [...on.cohorts].sort((one, other) => one - other).map((index) => [index, study.cohorts[index].title]);
  const subjects = orderedSubjects().map((row) => [row.subject, row.dice === null ? row.subject : `${row.subject}: Dice ${digits(row.dice)}`]);
  const counts = countsOf(view.cohort).map((n) => chip(`n-${n}`, String(n), view.counts.has(n), () => flipCount(n)));
  const focused = document.activeElement?.id;
  element("controls").replaceChildren(
    field("Cohort", false, choice("cohort", "Cohort", cohorts, view.cohort, (value) => { chooseCohort(Number(value)); refresh(); })),
    field("Test subject", false, make("button", { type: "button", id: "previous", "aria-label": "Previous subject", onclick: () => step(-1) }, "\u2039"),
      choice("subject", "Test subject", subjects, view.subject, (value) => { view.subject = value; refresh(); }),
      make("button", { type: "button", id: "next", "aria-label": "Next subject", onclick: () => step(1) }, "\u203a")),
    field("Order", true, choice("order", "Order of subjects", Object.entries(ORDERS), view.order, reorder)),
    field("N", true, make("div", { class: "chips", role: "group", "aria-label": `Numbers of labelled ${study.counted || "subjects"}` }, ...counts)),
    field("Draw", true, choice("draw", "Draw", draws.map((draw) => [draw, draw]), view.draw, (value) => { view.draw = Number(value); refresh(); })),
    field("Show", true, toggle("truth", "Truth", "truth"), toggle("prediction", "Prediction", "prediction"), toggle("errors", "Errors", "errors"), toggle("zoom", "Zoom", "zoom")),
    ...classControl(),
    ...planeControl(),
    field("Intensities", true, choice("window", "Window of intensities", [...Object.entries(WINDOWS).map(([key, [text]]) => [key, text]), ["own", "own"]], windowName(), setWindow)),
    ...[["width", "Window", 5], ["level", "Level", 0]].map(windowSlider),
  );
  if (focused && element("controls").querySelector(`#${CSS.escape(focused)}`)) element(focused).focus();
  const mark = (colour, text, kind) => {
    const line = make("i", { class: kind });
    line.style.setProperty("--mark", `rgb(${colour.join(",")})`);
    return make("span", { class: "key" }, line, text);
  };
  const several = classesOf(view.cohort).length > 0;
  element("legend").replaceChildren(...(several ? classLegend() : [
    ...(view.truth ? [mark(TRUTH, "truth", "")] : []),
    ...(view.prediction ? [mark(PREDICTION, "prediction", "")] : []),
    ...(view.errors ? [mark(TRUTH, "missed", "fill"), mark(PREDICTION, "too much", "fill")] : [])]));
}

function flip(name) {
  view[name] = !view[name];
  showControls();
  showPanels();
}

function flipContours() {
  const on = !(view.truth || view.prediction);
  Object.assign(view, { truth: on, prediction: on });
  showControls();
  showPanels();
}

function planeControl() {
  const planes = view.volume?.planes ?? [];
  if (planes.length < 2) return [];
  return [field("Plane", true, choice("plane", "Plane", planes.map((plane) => [plane.normal, plane.name]), view.plane.normal, (value) => turn(Number(value))))];
}

function turn(normal) {
  view.normal = normal;
  choosePlane(normal);
  showControls();
  showPanels();
}

const windowName = () => Object.keys(WINDOWS).find((key) => WINDOWS[key][1] === view.width && WINDOWS[key][2] === view.level) ?? "own";

function windowSlider([name, text, min]) {
  const moved = (event) => {
    view[name] = Number(event.target.value);
    element("window").value = windowName();
    showPanels();
  };
  return field(text, true, make("input", { type: "range", id: name, "aria-label": `${text} of intensities, percent`, min, max: 100, value: view[name], oninput: moved }));
}

function setWindow(name) {
  if (name in WINDOWS) [view.width, view.level] = WINDOWS[name].slice(1);
  showControls();
  showPanels();
}

function flipCount(n) {
  if (view.counts.has(n)) view.counts.delete(n);
  else view.counts.add(n);
  refresh();
}

function reorder(order) {
  view.order = order;
  view.subject = orderedSubjects()[0]?.subject ?? null;
  refresh();
}

function step(by) {
  const names = orderedSubjects().map((row) => row.subject);
  const at = names.indexOf(view.subject) + by;
  if (at < 0 || at >= names.length) return;
  view.subject = names[at];
  refresh();
}

function toSlice(at) {
  if (!view.volume) return;
  view.at = Math.min(Math.max(at, 0), view.plane.count - 1);
  showPanels();
}

async function refresh() {
  showControls();
  await showSubject();
}
