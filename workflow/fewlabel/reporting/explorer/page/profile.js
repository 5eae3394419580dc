// Dice of each slice through the volume, for every prediction beside each other: where along the body does it fail?
const DASHES = ["solid", "dot", "dash", "dashdot"];
let profileOf = "";

function showProfile() {
  const place = element("profile");
  const { volume, at } = view;
  // Dice are those of the volume's own slices.
  place.hidden = !volume || view.plane.normal !== 0;
  if (place.hidden) return;
  const cells = cellsInView().filter((cell) => predictionOf(volume, cell.method, cell.n, view.draw));
  const key = JSON.stringify([view.cohort, view.subject, view.draw, on.score, dark(), cells.map((cell) => [cell.method, cell.n])]);
  const line = { type: "line", x0: volume.slices[at], x1: volume.slices[at], y0: 0, y1: 1, line: { width: 1.5 } };
  if (key === profileOf) {
    Plotly.relayout(place, { "shapes[0].x0": line.x0, "shapes[0].x1": line.x1 });
    return;
  }
  profileOf = key;
  const counts = [...view.counts].sort((one, other) => one - other);
  const data = cells.map((cell) => {
    const { title, colour, benchmark } = methods.get(cell.method);
    const own = sliceDice(predictionOf(volume, cell.method, cell.n, view.draw));
    return {
      x: volume.slices, y: own, mode: "lines+markers", marker: { size: 4, color: colour },
      line: { color: colour, width: 1.6, dash: DASHES[benchmark ? 1 : counts.indexOf(cell.n) % DASHES.length] },
      hoverinfo: "text", hovertext: own.map((dice, slice) => `${plain(title)}, N = ${cell.n}<br>slice ${volume.slices[slice]}: Dice ${digits(dice)}`),
      customdata: volume.slices.map((_, slice) => slice), meta: { method: cell.method, role: "slice" },
    };
  });
  const axis = { fixedrange: true, zeroline: false };
  const layout = {
    showlegend: false, hovermode: "closest", dragmode: false, margin: { l: 56, r: 14, t: 6, b: 40 }, shapes: [line],
    xaxis: { ...axis, title: { text: "Slice" }, range: [volume.slices[0] - 0.5, volume.slices.at(-1) + 0.5] },
    yaxis: { ...axis, title: { text: profileTitle() }, range: [-0.03, 1.03] },
  };
  const drawn = themed({ data, layout });
  drawn.layout.shapes[0].line.color = drawn.layout.font.color;
  const first = !place.classList.contains("js-plotly-plot");
  Plotly.react(place, drawn.data, drawn.layout, CONFIG);
  if (first) place.on("plotly_click", (event) => toSlice(event.points[0].customdata));
}

// Of the mean of the classes in each slice, or of the chosen class.
function sliceDice(prediction) {
  const at = classesOf(view.cohort).findIndex(({ name }) => name === on.score);
  return at < 0 ? prediction.dice : prediction.class_dice[at];
}

function profileTitle() {
  const { title } = classesOf(view.cohort).find(({ name }) => name === on.score) ?? {};
  return title ? `Dice, ${title.length > 24 ? `${title.slice(0, 23)}…` : title}` : "Dice of the slice";
}

// As `escaped` in Python: plotly reads a few tags of HTML in its texts.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
