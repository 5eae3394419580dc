// The panels of the slice that is shown: the truth first, then each method at each N.
async function showPanels() {
  const { volume, at, plane } = view;
  const slider = element("slice");
  slider.max = String(volume ? plane.count - 1 : 0);
  slider.value = String(at);
  slider.disabled = !volume;
  if (!volume) {
    element("slice-text").textContent = "";
    showProfile();
    element("files").replaceChildren();
    element("panels").replaceChildren(make("p", { class: "hint" }, "No volume of this cohort is on this page."));
    return;
  }
  const where = plane.normal === 0 ? `Slice ${volume.slices[at]} of ${volume.count}` : `${capital(plane.name)} ${at + 1} of ${plane.count}`;
  element("slice-text").textContent = where;
  slider.setAttribute("aria-valuetext", where);
  const wanted = [null, ...cellsInView()];
  const masks = await Promise.all(wanted.map(async (cell) => {
    const prediction = cell && predictionOf(volume, cell.method, cell.n, view.draw);
    return { cell, prediction, mask: prediction ? await predictedMask(volume, prediction) : null };
  }));
  // Another slice or subject may have been asked for in the meantime.
  if (volume !== view.volume || at !== view.at || plane !== view.plane) return;
  const truth = sliceOf(volume, volume.truth, plane, at);
  const grey = greySlice(volume, plane, at, view);
  const shown = masks.filter(({ cell, prediction }) => !cell || prediction);
  const figures = shown.map((one) => panel(volume, at, grey, truth, one));
  const paths = [volume.file, ...shown.slice(1).map((one) => one.prediction.file)];
  element("files").replaceChildren(...paths.map((path) => make("li", {}, make("a", { href: path.split("/").map(encodeURIComponent).join("/") }, path))));
  place(figures);
  showProfile();
  say([`${volume.subject}, ${where.toLowerCase()}`, ...figures.slice(1).map((figure) => figure.label)].join(". "));
}

// Panels are re-used where they can be: scrolling through slices makes no new elements.
function place(figures) {
  const panels = element("panels");
  const same = panels.children.length === figures.length && figures.every((one, at) => panels.children[at].dataset.key === one.key);
  if (!same) panels.replaceChildren(...figures.map((one) => make("figure", { "data-key": one.key }, make("canvas", { role: "img" }), make("figcaption", {}, one.name, make("div", { class: "numbers" })))));
  figures.forEach((one, at) => {
    const [canvas, caption] = [panels.children[at].querySelector("canvas"), panels.children[at].querySelector(".numbers")];
    one.draw(canvas);
    canvas.setAttribute("aria-label", one.label);
    caption.replaceChildren(one.numbers, ...(one.byClass?.length ? [classTable(one.byClass)] : []));
  });
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

function panel(volume, at, grey, truth, { cell, prediction, mask }) {
  const { plane } = view;
  const look = { truth: view.truth, prediction: view.prediction, errors: view.errors, window: view.zoom ? targetWindow(volume, plane) : wholeWindow(plane) };
  if (!cell) {
    const said = classesOf(view.cohort).length ? presentClasses(truth) : truth.some((pixel) => pixel === 1) ? "target in this slice" : "no target in this slice";
    return {
      key: "truth", name: make("div", { class: "name" }, "Truth"), numbers: said,
      label: `Truth: ${said}`, draw: (canvas) => paint(canvas, plane, grey, truth, null, look),
    };
  }
  const title = `${methods.get(cell.method).title}, N = ${cell.n}`;
  const several = classesOf(view.cohort).length > 0;
  const mean = several ? study.cohorts[view.cohort].cells.find((one) => one.method === cell.method && one.n === cell.n) : cell;
  const whole = scoreOf(mean, study.cohorts[view.cohort].subjects.indexOf(volume.subject));
  const native = plane.normal === 0;
  const own = native ? prediction.dice[at] : undefined;
  const byClass = several ? classNumbers(volume, cell, prediction, native ? at : null) : [];
  const numbers = `${several ? "Mean Dice" : "Dice"}: ${native ? `slice ${own === null ? "none" : digits(own, 2)}, ` : ""}volume ${digits(whole, 2)}`;
  const further = byClass.map(({ title: name, own: slice, whole: all }) => `; ${name}: ${slice && `slice ${slice}, `}volume ${all}`).join("");
  return {
    key: `${cell.method}/${cell.n}`, name: make("div", { class: "name" }, swatch(cell.method), make("span", {}, title)), numbers, byClass,
    label: `${title}: ${numbers}${further}${own === null ? " (no target, none predicted)" : ""}`,
    draw: (canvas) => paint(canvas, plane, grey, truth, sliceOf(volume, mask, plane, at), look),
  };
}

let saying = 0;

// Said when scrolling rests, not at every slice.
function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => { element("status").textContent = text; }, 400);
}
