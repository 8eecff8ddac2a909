/**
 * The chart of a summary: what was ordered, and of it what customers pay, as bars over time.
 * The table below it has the same figures; without this script or uPlot, it is what there is.
 *
 * Data, as JSON in #sespan-report-chart:
 *   names, ticks   the rows of the table: for the readout, and short for the axis
 *   series         [{label, tone, values}], the first behind the others
 */

const { bars, axes, readOut, followInk } = window.sespanCharts;
const box = document.querySelector("[data-sespan-report-chart]");
const data = JSON.parse(document.getElementById("sespan-report-chart").textContent);
const language = document.documentElement.lang || undefined;
const full = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const WIDTH_OF_LABEL = 58; // pixels
let plot = null;

function labelled(width) {
  const stride = Math.ceil(data.names.length / Math.max(2, Math.floor(width / WIDTH_OF_LABEL)));
  return [...data.names.keys()].filter((at) => at % stride === 0);
}

function draw() {
  plot?.destroy();
  const values = data.series.map((series) => series.values);
  plot = new window.uPlot({
    width: box.clientWidth,
    height: box.clientHeight,
    series: [{}, ...data.series.map(({ tone }) => bars(tone))],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: false, range: () => [-0.6, data.names.length - 0.4] },
      y: { range: (_, low, high) => [Math.min(0, low * 1.08), high > 0 ? high * 1.08 : 1] },
    },
    axes: axes(labelled, () => data.ticks),
    hooks: { setCursor: [(self) => readOut(self, data.names, data.series, full.format)] },
  }, [[...data.names.keys()], ...values], box);
}

function start() {
  if (!window.uPlot || data.names.length === 0) return;
  box.closest("[hidden]").hidden = false;
  draw();
  new ResizeObserver(() => {
    if (plot.width !== box.clientWidth) plot.setSize({ width: box.clientWidth, height: box.clientHeight });
  }).observe(box);
  followInk(draw);
}

start();
