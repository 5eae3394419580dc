// Behind each point of a plot: its numbers as a table that a keyboard and a screen reader reach, and its test subjects.
const LEFT_OUT = "its volume is not on this page";

function table(caption, heads, rows) {
  const head = make("tr", {}, ...heads.map(([text, numeric]) => make("th", { scope: "col", class: numeric ? "number" : "" }, text)));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((cell, at) => make("td", { class: heads[at][1] ? "number" : "" }, cell))));
  const made = make("table", {}, make("caption", { class: "visually-hidden" }, caption), make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { class: "wide" }, made);
}

function numbersOf(cohort) {
  const { title } = study.cohorts[cohort];
  const { cells } = scoresOf(cohort);
  const rows = cells.filter((cell) => on.methods.has(cell.method)).map((cell) => [
    methods.get(cell.method).title,
    String(cell.n),
    make("button", { type: "button", class: "link", onclick: () => openCell(cohort, cell.method, cell.n),
      "aria-label": `${methods.get(cell.method).title}, N = ${cell.n}: mean Dice ${digits(cell.mean)}; show its test subjects` }, digits(cell.mean)),
    interval(cell),
    cell.dice.map((draw) => digits(mean(draw))).join(", "),
    `${cell.undefined} of ${cell.dice.flat().filter((value) => value !== null).length}`,
    ...cell.further.map((value, at) => digits(value, study.scores[at].digits)),
  ]);
  return table(`Mean test Dice on ${title}`, [["Method"], ["N", true], ["Mean Dice", true], [`${100 * study.level} % interval`], ["Draws"], ["HD95 undefined", true], ...study.scores.map((score) => [`Median ${score.title}`, true])], rows);
}

function differencesOf(cohort) {
  const { title } = study.cohorts[cohort];
  const { differences } = scoresOf(cohort);
  const rows = differences.filter((cell) => on.methods.has(cell.method)).map((cell) => [
    methods.get(cell.method).title, String(cell.n), signed(cell.mean), interval(cell, signed),
    `${cell.dice.filter((value) => value > 0).length} of ${cell.dice.filter((value) => value !== null).length}`,
  ]);
  return table(`Difference in Dice on ${title}`, [["Method"], ["N", true], ["Mean difference", true], [`${100 * study.level} % interval`], ["Subjects above 0", true]], rows);
}

const ofScore = (cohort) => (scoreName(cohort) ? ` (${scoreName(cohort)})` : "");

function subjectButton(cohort, subject, method, n) {
  if (!study.cohorts[cohort].shown.includes(subject)) return make("span", { title: LEFT_OUT }, subject);
  return make("button", { type: "button", class: "link", onclick: () => openVolume(cohort, subject, method, n) }, subject);
}

// The point that was chosen last, and whether its best subjects come first.
let chosen = null;

function openCell(cohort, method, n, best = false) {
  const cell = cellOf(cohort, method, n);
  if (!cell) return;
  const { subjects, title, shown: present } = study.cohorts[cohort];
  chosen = { cohort, method, n, best };
  const rows = subjects.map((subject, at) => ({ subject, draws: cell.dice.map((draw) => draw[at]) }))
    .map((row) => ({ ...row, mean: mean(row.draws) })).filter((row) => row.mean !== null)
    .sort((one, other) => (best ? other.mean - one.mean : one.mean - other.mean));
  element("cell-title").replaceChildren(swatch(method), ` ${methods.get(method).title}, N = ${n}, on ${title}: mean Dice${ofScore(cohort)} ${digits(cell.mean)}${cell.low === null ? "" : ` (${interval(cell)})`}`);
  const heads = [["Test subject"], ["Mean Dice", true], ...(cell.draws.length > 1 ? cell.draws.map((draw) => [`Draw ${draw}`, true]) : [])];
  const body = rows.map((row) => [subjectButton(cohort, row.subject, method, n), digits(row.mean), ...(cell.draws.length > 1 ? row.draws.map((value) => digits(value)) : [])]);
  const parts = [table(`Test subjects, ${best ? "best" : "worst"} first`, heads, body)];
  if (rows.some((row) => !present.includes(row.subject))) parts.push(make("p", { class: "hint" }, "Subjects without a link: " + LEFT_OUT + "."));
  const trained = cell.subjects.map((names, at) => names && make("li", {}, `Draw ${cell.draws[at]}: trained on ${names.join(", ")}${cell.seconds[at] === null ? "" : ` in ${Math.round(cell.seconds[at])} s`}`));
  if (trained.some(Boolean)) parts.push(make("details", {}, make("summary", {}, "Labelled training subjects of each draw"), make("ul", {}, ...trained.filter(Boolean))));
  const buttons = make("p", {}, 
    make("button", { type: "button", id: "cell-order", onclick: () => openCell(cohort, method, n, !best) }, best ? "Worst first" : "Best first"), " ",
    make("button", { type: "button", id: "cell-close", onclick: closeCell }, "Close"));
  element("cell-content").replaceChildren(buttons, ...parts);
  element("cell").hidden = false;
  element("cell").focus({ preventScroll: true });
  element("cell").scrollIntoView({ block: "nearest" });
}

function closeCell() {
  element("cell").hidden = true;
  chosen = null;
}
