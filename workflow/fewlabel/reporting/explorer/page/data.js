// What the page knows, and how it makes elements. Names and titles are the user's: they become text nodes, never HTML.
const study = JSON.parse(document.getElementById("study").textContent);
const methods = new Map(study.methods.map((method) => [method.name, method]));
// Of several classes, numbers are those of their mean or of one.
const MEAN = "mean";
const element = (id) => document.getElementById(id);
const on = { methods: new Set(methods.keys()), cohorts: new Set(study.cohorts.keys()), paper: true, score: MEAN };

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const digits = (value, count = 3) => (value === null || value === undefined ? "none" : value.toFixed(count));
const signed = (value) => (value === null ? "none" : `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(3)}`);
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const interval = (cell, form = digits) => (cell.low === null ? "" : `${form(cell.low)} to ${form(cell.high)}`);
const mean = (values) => {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
};

function swatch(name) {
  const made = make("span", { class: "swatch", "aria-hidden": "true" });
  made.style.setProperty("--colour", shade(methods.get(name).colour));
  made.dataset.method = name;
  return made;
}

// On a dark page the two darkest colours of the figures would vanish.
const DARK = { "#222222": "#e6e6e6", "rgba(34,34,34,": "rgba(230,230,230,", "#0173b2": "#3fa3e8", "rgba(1,115,178,": "rgba(63,163,232," };
const dark = () => document.documentElement.dataset.theme === "dark";
const shade = (colour) => (dark() && DARK[colour]) || colour;

const classesOf = (cohort) => study.cohorts[cohort].classes ?? [];
// The numbers and plots of a cohort: of the class that is chosen, if it has it, or of the mean.
const scoresOf = (cohort) => classesOf(cohort).find(({ name }) => name === on.score) ?? study.cohorts[cohort];
const scoreName = (cohort) => (classesOf(cohort).length ? scoresOf(cohort).name === study.cohorts[cohort].name ? "mean of the classes" : scoresOf(cohort).title : "");

function cellOf(cohort, method, n) {
  return scoresOf(cohort).cells.find((cell) => cell.method === method && cell.n === n);
}
