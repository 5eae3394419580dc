// Several classes: a colour each, lines of the truth, areas of the prediction, switches, and numbers by class.
const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const LINE_WIDTH = 2.2;
const AREA = 115;

// The classes of the volume that is shown, with their numbers in masks.
const shownClasses = () => classesOf(view.cohort).map((one, at) => ({ ...one, at, number: at + 1 })).filter(({ name }) => !view.hidden.has(name));

function classControl() {
  const all = classesOf(view.cohort);
  if (!all.length) return [];
  const chips = all.map(({ name, title, colour }) => chip(`class-${name}`, title, !view.hidden.has(name), () => flipClass(name), colourMark(colour)));
  const many = all.length > 6 ? [["All", []], ["None", all.map(({ name }) => name)]].map(([text, hidden]) => make("button", { type: "button", class: "small", "aria-label": `${text} classes`, onclick: () => {
    view.hidden = new Set(hidden);
    showControls();
    showPanels();
  } }, text)) : [];
  return [make("div", { class: "field classes" }, make("span", {}, "Classes"), make("div", { class: "chips", role: "group", "aria-label": "Classes" }, ...many, ...chips))];
}

function colourMark(colour) {
  const made = make("span", { class: "swatch square", "aria-hidden": "true" });
  made.style.setProperty("--colour", colour);
  return made;
}

function flipClass(name) {
  if (view.hidden.has(name)) view.hidden.delete(name);
  else view.hidden.add(name);
  showPanels();
}

function classLegend() {
  const key = (kind, text) => make("span", { class: "key" }, make("i", { class: kind }), text);
  return [
    ...(view.truth ? [key("any", "lines: truth")] : []),
    ...(view.prediction ? [key("any fill", "areas: prediction")] : []),
    ...(view.errors ? [key("wrong fill", "chequered: wrong class")] : []),
  ];
}

// A mask without the classes that are switched off.
function shownMask(mask) {
  const kept = new Set(shownClasses().map(({ number }) => number));
  return mask.map((number) => (kept.has(number) ? number : 0));
}

function paintClasses(context, truth, predicted, rows, columns, look, scale) {
  const classes = shownClasses();
  const wrong = predicted && look.errors ? (at) => truth[at] !== predicted[at] : () => false;
  const overlay = new ImageData(columns, rows);
  for (let at = 0; at < truth.length; at += 1) {
    if (wrong(at)) overlay.data.set((Math.floor(at / columns) + at % columns) % 2 ? [0, 0, 0, 235] : [255, 255, 255, 235], 4 * at);
    else if (predicted && look.prediction && predicted[at]) overlay.data.set([...rgb(classesOf(view.cohort)[predicted[at] - 1].colour), AREA], 4 * at);
  }
  paintOverlay(context, overlay, look.window);
  if (!look.truth) return;
  context.setTransform(1, 0, 0, 1, -look.window.left * scale, -look.window.top * scale);
  // Dark edges first, and lines within their class: those of touching classes are side by side.
  for (const dark of [true, false]) {
    for (const { number, colour } of classes) {
      borders(context, truth, rows, columns, scale, number, LINE_WIDTH / 2);
      Object.assign(context, dark ? { lineWidth: 2 * LINE_WIDTH, strokeStyle: "rgba(0,0,0,.75)" } : { lineWidth: LINE_WIDTH, strokeStyle: colour });
      context.stroke();
    }
  }
  context.resetTransform();
}

// What the truth shows in a slice.
function presentClasses(truth) {
  const present = shownClasses().filter(({ number }) => truth.includes(number));
  return present.length ? present.map(({ title }) => title).join(", ") : "no target in this slice";
}

// Dice of each class of a prediction: of the slice, if it is one of the volume's own, and of the volume.
function classNumbers(volume, { method, n }, prediction, slice) {
  const subject = study.cohorts[view.cohort].subjects.indexOf(volume.subject);
  return shownClasses().map(({ title, colour, cells, at }) => {
    const whole = scoreOf(cells.find((cell) => cell.method === method && cell.n === n), subject);
    return { title, colour, whole: digits(whole, 2), own: slice === null ? "" : digits(prediction.class_dice[at][slice], 2) };
  });
}

function classTable(rows) {
  const native = rows.some(({ own }) => own);
  const head = make("tr", {}, make("th", { scope: "col" }, "Dice"), ...(native ? [make("th", { scope: "col", class: "number" }, "slice")] : []), make("th", { scope: "col", class: "number" }, "volume"));
  const body = rows.map(({ title, colour, own, whole }) => make("tr", {}, make("th", { scope: "row" }, make("span", { class: "named" }, colourMark(colour), make("span", {}, title))), ...(native ? [make("td", { class: "number" }, own)] : []), make("td", { class: "number" }, whole)));
  return make("table", { class: "by-class" }, make("thead", {}, head), make("tbody", {}, ...body));
}
