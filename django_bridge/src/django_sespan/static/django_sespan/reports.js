/**
 * The chart of a summary: what was ordered, and of it what customers pay, as bars over time.
 * The table below it has the same figures; without this script or uPlot, it is what there is.
 *
 * Data, as JSON in #sespan-report-chart:
 *   names, ticks   the rows of the table: for the readout, and short for the axis
 *   series         [{label, tone, values}], the first behind the others
 */

const box = document.querySelector("[data-sespan-report-chart]");
const data = JSON.parse(document.getElementById("sespan-report-chart").textContent);
const language = document.documentElement.lang || undefined;
const full = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const WIDTH_OF_LABEL = 58; // pixels
let plot = null;

function colour(name) {
  return getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
}

function make(name, className, text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

function labelled(width) {
  const stride = Math.ceil(data.names.length / Math.max(2, Math.floor(width / WIDTH_OF_LABEL)));
  return [...data.names.keys()].filter((at) => at % stride === 0);
}

function bars({ tone }) {
  return { fill: colour(tone), width: 0, points: { show: false }, paths: window.uPlot.paths.bars({ size: [0.72, 36] }) };
}

function axes() {
  const ink = { stroke: colour("soft"), font: "12px system-ui, sans-serif" };
  const line = { stroke: colour("grid"), width: 1 };
  const widest = (values) => Math.max(0, ...(values ?? []).map((value) => value.length));
  return [
    {
      ...ink, grid: { show: false }, ticks: { ...line, size: 4 }, gap: 4, size: 30,
      splits: (self) => labelled(self.bbox.width / devicePixelRatio),
      values: (_, at) => at.map((each) => data.ticks[each] ?? ""),
    },
    {
      ...ink, grid: line, ticks: { show: false }, gap: 6, space: 44,
      size: (_, values) => 14 + 7 * widest(values),
      values: (_, at) => at.map((each) => short.format(each)),
    },
  ];
}

function readOut(self) {
  const { idx, left } = self.cursor;
  self.tip ??= self.over.appendChild(make("div", "sespan-tip"));
  self.tip.hidden = idx === null || idx === undefined || left < 0;
  if (self.tip.hidden) return;
  const lines = data.series.map(({ label, tone, values }) => {
    const row = make("p", "", label);
    row.prepend(make("span", `sespan-swatch sespan-tone-${tone}`));
    row.append(make("strong", "", full.format(values[idx])));
    return row;
  });
  self.tip.replaceChildren(make("p", "", data.names[idx]), ...lines);
  const room = self.over.clientWidth - self.tip.offsetWidth;
  const x = left + 14 > room ? left - 14 - self.tip.offsetWidth : left + 14;
  self.tip.style.transform = `translate(${Math.max(-40, Math.round(x))}px, 8px)`;
}

function draw() {
  plot?.destroy();
  const values = data.series.map((series) => series.values);
  plot = new window.uPlot({
    width: box.clientWidth,
    height: box.clientHeight,
    series: [{}, ...data.series.map(bars)],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: false, range: () => [-0.6, data.names.length - 0.4] },
      y: { range: (_, low, high) => [Math.min(0, low * 1.08), high > 0 ? high * 1.08 : 1] },
    },
    axes: axes(),
    hooks: { setCursor: [readOut] },
  }, [[...data.names.keys()], ...values], box);
}

function start() {
  if (!window.uPlot || data.names.length === 0) return;
  box.closest("[hidden]").hidden = false;
  draw();
  new ResizeObserver(() => {
    if (plot.width !== box.clientWidth) plot.setSize({ width: box.clientWidth, height: box.clientHeight });
  }).observe(box);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.addEventListener("beforeprint", () => { document.body.dataset.ink = "paper"; draw(); });
  window.addEventListener("afterprint", () => { delete document.body.dataset.ink; draw(); });
}

start();
