// Plots: plotly draws what Python described; here are only colours of the theme, visibility, and what a click means.
const plots = [];
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false };

function addPlot(place, kind, cohort, label, clicked) {
  const plot = make("div", { class: "plot", role: "img", "aria-label": label });
  place.append(plot);
  plots.push({ plot, kind, cohort, clicked });
}

function themed(figure) {
  let text = JSON.stringify(figure);
  if (dark()) for (const [light, own] of Object.entries(DARK)) text = text.replaceAll(light, own);
  const { data, layout } = JSON.parse(text);
  const style = getComputedStyle(document.documentElement);
  const [ink, line, card] = ["--ink", "--line", "--card"].map((name) => style.getPropertyValue(name).trim());
  for (const axis of [layout.xaxis, layout.yaxis]) Object.assign(axis, { gridcolor: line, linecolor: line, zerolinecolor: ink, automargin: true, title: { ...axis.title, font: { size: 13 } } });
  Object.assign(layout, { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, size: 12.5, family: "system-ui, sans-serif" } });
  layout.hoverlabel = { ...layout.hoverlabel, bgcolor: card, bordercolor: line, font: { color: ink } };
  for (const trace of data) trace.visible = shown(trace.meta);
  return { data, layout };
}

const shown = (meta) => (meta.role === "paper" ? on.paper : on.methods.has(meta.method));

function drawPlots() {
  for (const { plot, kind, cohort, clicked } of plots) {
    if (!on.cohorts.has(cohort)) continue;
    const { data, layout } = themed(scoresOf(cohort)[kind]);
    const first = !plot.classList.contains("js-plotly-plot");
    Plotly.react(plot, data, layout, CONFIG);
    if (first) plot.on("plotly_click", (event) => {
      const point = event.points.find((one) => one.customdata);
      if (point) clicked(point.data.meta, point.customdata);
    });
  }
}
