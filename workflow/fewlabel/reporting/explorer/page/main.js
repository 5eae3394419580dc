// Start: switches and curves at once; volumes when the browser has read them, behind this script.
function chip(id, text, checked, changed, mark) {
  const box = make("input", { type: "checkbox", id, checked, onchange: changed });
  return make("label", { class: "chip", title: text }, box, ...(mark ? [mark] : []), make("span", { class: "name" }, text));
}

function flipIn(set, key) {
  if (set.has(key)) set.delete(key);
  else set.add(key);
  switchesChanged();
}

function showSwitches() {
  element("cohort-switches").replaceChildren(...study.cohorts.map((cohort, at) => chip(`cohort-${at}`, cohort.title, on.cohorts.has(at), () => flipIn(on.cohorts, at))));
  const own = study.methods.map(({ name, title }, at) => chip(`method-${at}`, title, on.methods.has(name), () => flipIn(on.methods, name), swatch(name)));
  const paper = study.cohorts.some((cohort) => cohort.standsFor) ? [chip("paper", "Paper's numbers", on.paper, () => { on.paper = !on.paper; drawPlots(); })] : [];
  const many = study.methods.length > 6 ? [["All", true], ["None", false]].map(([text, all]) => make("button", { type: "button", class: "small", "aria-label": `${text} methods`, onclick: () => {
    on.methods = new Set(all ? methods.keys() : []);
    switchesChanged();
  } }, text)) : [];
  element("method-switches").replaceChildren(...many, ...own, ...paper);
  showScores();
}

// The mean of the classes, or one of them: radio buttons, of many classes a list; only where a cohort has several classes.
function showScores() {
  const titles = new Map(study.cohorts.flatMap((_, at) => classesOf(at)).map(({ name, title }) => [name, title]));
  if (!titles.size) return;
  const options = [[MEAN, "mean of the classes"], ...titles];
  const choose = (name) => { on.score = name; scoreChanged(); };
  const radio = ([name, text]) => {
    const box = make("input", { type: "radio", name: "score", id: `score-${name}`, checked: on.score === name, onchange: () => choose(name) });
    return make("label", { class: "chip", title: text }, box, make("span", { class: "name" }, text));
  };
  const switches = options.length > 7 ? choice("score", "Dice of", options, on.score, choose) : make("div", { class: "chips", id: "score-switches" }, ...options.map(radio));
  element("switches").append(make("fieldset", {}, make("legend", {}, "Dice of"), switches));
}

function scoreChanged() {
  showScoreNames();
  switchesChanged();
  if (chosen) openCell(chosen.cohort, chosen.method, chosen.n, chosen.best);
}

function showScoreNames() {
  for (const place of document.querySelectorAll("[data-score-of]")) {
    const cohort = Number(place.dataset.scoreOf);
    place.textContent = scoreName(cohort) && `, Dice: ${scoreName(cohort)}`;
  }
}

function switchesChanged() {
  study.methods.forEach(({ name }, at) => { element(`method-${at}`).checked = on.methods.has(name); });
  study.cohorts.forEach((_, at) => {
    element(`cohort-${at}`).checked = on.cohorts.has(at);
    for (const card of document.querySelectorAll(`[data-cohort="${at}"]`)) card.hidden = !on.cohorts.has(at);
  });
  showNumbers();
  drawPlots();
  if (chosen && !(on.cohorts.has(chosen.cohort) && on.methods.has(chosen.method))) closeCell();
  const none = on.cohorts.size === 0;
  element("viewer").hidden = none;
  if (none || !ready) return;
  if (!on.cohorts.has(view.cohort)) chooseCohort(Math.min(...on.cohorts));
  refresh();
}

function showNumbers() {
  for (const place of document.querySelectorAll("[data-numbers]")) {
    const cohort = Number(place.dataset.of);
    place.replaceChildren(place.dataset.numbers === "curves" ? numbersOf(cohort) : differencesOf(cohort));
  }
}

function card(cohort, kind, text) {
  const { title } = study.cohorts[cohort];
  const plotPlace = make("div", {});
  const numbers = make("div", { "data-numbers": kind, "data-of": cohort });
  const made = make("article", { class: "card", "data-cohort": cohort }, make("h3", {}, title), make("div", { class: "sub" }, text, make("span", { "data-score-of": cohort })), plotPlace,
    make("details", { id: `${kind}-numbers-${cohort}` }, make("summary", {}, "Numbers of this plot"), numbers));
  element(kind === "curves" ? "curve-cards" : "paired-cards").append(made);
  return plotPlace;
}

function showCards() {
  const level = `${100 * study.level} %`;
  element("curves-hint").textContent = `Mean Dice over draws and test subjects; bars are ${level} intervals, the band is the benchmark's, faint points single draws. Point at a mark for its numbers; click it for its test subjects.`;
  study.cohorts.forEach((cohort, at) => {
    const draws = new Set(cohort.cells.flatMap((cell) => cell.draws)).size;
    const about = `${plural(cohort.subjects.length, "test subject")}, ${plural(draws, "draw")}`;
    addPlot(card(at, "curves", about), "curves", at, `Label curves on ${cohort.title}; its numbers stand in the table below`, (meta, data) => openCell(at, meta.method, data[0]));
    if (!cohort.paired) return;
    addPlot(card(at, "paired", about), "paired", at, `Differences in Dice on ${cohort.title}; its numbers stand in the table below`, (meta, data) => {
      if (meta.role === "cell") openCell(at, meta.method, data[0]);
      else if (cohort.shown.includes(cohort.subjects[data[1]])) openVolume(at, cohort.subjects[data[1]], meta.method, data[0]);
    });
  });
  const control = study.control && methods.get(study.control).title;
  element("paired-hint").textContent = study.cohorts.some((cohort) => cohort.paired)
    ? `Dice of each method minus that of ${control} with the same labelled ${study.counted || "subjects"}, paired by draw and test subject: above 0 the method is better. Faint points are test subjects (click: the volume); bars are ${level} intervals of the mean.`
    : "This study has no second method beside a control that starts at random, so there is nothing to compare in pairs.";
}

function showFacts() {
  const rows = study.facts.map(([name, text]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, text)));
  element("facts-table").tBodies[0].replaceChildren(...rows);
  element("settings-text").textContent = study.settings;
  element("notes").replaceChildren(...study.notes.map((note) => make("li", {}, note)));
  element("summary").textContent = `${plural(study.cohorts.length, "cohort")}, ${plural(study.methods.length, "method")}: ${study.cohorts.map((cohort) => cohort.title).join("; ")}.`;
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  element("theme").setAttribute("aria-pressed", String(name === "dark"));
  for (const mark of document.querySelectorAll(".swatch[data-method]")) mark.style.setProperty("--colour", shade(methods.get(mark.dataset.method).colour));
  drawPlots();
  if (view.volume) showProfile();
}

let ready = false;

function start() {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  document.documentElement.dataset.theme = system.matches ? "dark" : "light";
  showSwitches();
  showCards();
  showFacts();
  showNumbers();
  showScoreNames();
  setTheme(system.matches ? "dark" : "light");
  system.addEventListener("change", () => setTheme(system.matches ? "dark" : "light"));
  element("theme").addEventListener("click", () => setTheme(dark() ? "light" : "dark"));
  element("slice").addEventListener("input", (event) => toSlice(Number(event.target.value)));
  element("slice-down").addEventListener("click", () => toSlice(view.at - 1));
  element("slice-up").addEventListener("click", () => toSlice(view.at + 1));
  element("viewer").addEventListener("keydown", pressed);
  element("panels").addEventListener("wheel", wheeled, { passive: false });
  performance.mark("curves");
  document.addEventListener("DOMContentLoaded", async () => {
    ready = true;
    chooseCohort(0);
    await refresh();
    performance.mark("volume");
  });
}

start();
