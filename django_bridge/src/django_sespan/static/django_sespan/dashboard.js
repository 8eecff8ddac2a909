/**
 * The dashboard's charts and its automatic refresh: one module, no build step, fit for a strict
 * CSP. The page itself has all figures and tables; without this script, or without uPlot, they
 * are what there is.
 *
 * Data: the JSON of #sespan-dashboard-data, and of the same address with `format=json`:
 *   names, ticks, majors   the steps: for the readout, for the axis, where something larger begins
 *   charts   {slug: {kind: bars | lines | growth, unit: count | money, series: [{label, tone, values}]}}
 *   bars     {slug of a table: [[numbers], …]} for the small pictures in its rows
 * and for a refresh cards, tables, sums, errors, queue_tone, updated: texts that replace others.
 */

const { make, colour, bars, axes, readOut, followInk } = window.sespanCharts;
const root = document.querySelector("[data-sespan-dashboard]");
const language = document.documentElement.lang || undefined;
const full = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
const HEIGHT = () => (window.matchMedia("(max-width: 640px)").matches ? 200 : 232);
const STRIDES = [1, 2, 3, 4, 6, 7, 12, 14, 24, 28, 48, 56, 84, 168, 336, 672];
const WHOLE = Array.from({ length: 42 }, (_, at) => [1, 2, 5][at % 3] * 10 ** Math.floor(at / 3));
const SVG = "http://www.w3.org/2000/svg";

let data = JSON.parse(document.getElementById("sespan-dashboard-data").textContent);
const plots = new Map();

/* Charts */

/** The steps under which the axis has a label: as many as fit, at the beginnings of days where it can be. */
function labelled(width) {
  const count = data.names.length;
  const room = Math.max(2, Math.floor(width / 58));
  const starts = [...data.majors.keys()].filter((at) => data.majors[at]);
  if (starts.length > 2 && starts.length >= room / 2) {
    const stride = Math.ceil(starts.length / room);
    return starts.filter((_, at) => at % stride === 0);
  }
  const stride = STRIDES.find((each) => count / each <= room) ?? Math.ceil(count / room);
  const first = (starts[0] ?? 0) % stride;
  return [...data.names.keys()].filter((at) => at % stride === first);
}

/** Layers of bars lie on each other: the topmost sum is drawn first, the lowest layer last. */
function columns(chart) {
  const xs = [...data.names.keys()];
  const layers = chart.series.map((series) => series.values);
  if (chart.kind !== "bars") return [xs, ...layers];
  const sums = layers.map((_, upTo) => xs.map((at) => layers
    .slice(0, upTo + 1).reduce((sum, values) => sum + values[at], 0)));
  return [xs, ...sums.reverse()];
}

function drawn(chart) {
  const few = data.names.length <= 31;
  const styles = chart.series.map(({ tone }) => {
    if (chart.kind === "bars") return bars(tone);
    const stroke = colour(tone);
    return { stroke, width: 2, fill: `${stroke}14`, points: { show: few, size: 5, fill: stroke, width: 0 } };
  });
  return [{}, ...(chart.kind === "bars" ? styles.reverse() : styles)];
}

function bounds(chart, low, high) {
  if (chart.kind === "growth" && low > 0) {
    const room = Math.max((high - low) * 0.12, 1);
    return [Math.max(0, low - room), high + room];
  }
  return [0, high > 0 ? high * 1.08 : 1];
}

function options(chart, box) {
  return {
    width: box.clientWidth,
    height: HEIGHT(),
    series: drawn(chart),
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: chart.kind !== "bars" } },
    scales: {
      x: { time: false, range: () => [-0.6, Math.max(data.names.length, 1) - 0.4] },
      y: { range: (_, low, high) => bounds(chart, low, high) },
    },
    axes: axes(labelled, () => data.ticks, { incrs: WHOLE }),
    hooks: { setCursor: [(plot) => readOut(plot, data.names, chart.series, full.format)] },
  };
}

function draw() {
  for (const plot of plots.values()) plot.destroy();
  plots.clear();
  if (window.uPlot && data.names.length) {
    for (const box of root.querySelectorAll("[data-sespan-chart]")) {
      const chart = data.charts[box.dataset.sespanChart];
      box.hidden = !chart;
      if (chart) plots.set(box, new window.uPlot(options(chart, box), columns(chart), box));
    }
  }
  for (const head of root.querySelectorAll("[data-sespan-bars]")) drawBars(head);
}

/* The small pictures in the rows of a table */

function shape(className, x, width, y = 2, height = 10) {
  const rectangle = document.createElementNS(SVG, "rect");
  const place = { class: className, x, width: Math.max(width, 0), y, height, rx: Math.min(width, height) / 4 };
  for (const [name, value] of Object.entries(place)) rectangle.setAttribute(name, value);
  return rectangle;
}

const PICTURES = {
  share([success, failure]) {
    const all = success + failure;
    if (!all) return [shape("sespan-track", 0, 120)];
    const part = 120 * (failure / all);
    const seen = failure ? Math.max(part, 2) : 0; // a few failures of many are not nothing
    return [shape("sespan-ok", 0, 120 - seen), ...(seen ? [shape("sespan-failed", 120 - seen, seen)] : [])];
  },
  interval([promised, observed, low, high], rows) {
    if (promised === null) return [];
    const most = Math.max(0.01, ...rows.flat().filter((value) => value !== null)) * 1.05;
    const at = (rate) => 2 + 114 * (rate / most);
    const parts = [shape("sespan-track", 0, 120, 6, 2)];
    if (observed !== null) {
      parts.push(shape("sespan-whisker", at(low), Math.max(at(high) - at(low), 2), 4, 6));
      parts.push(shape("sespan-dot", at(observed) - 3, 6, 4, 6));
    }
    return [...parts, shape("sespan-promise", at(promised) - 1, 2, 1, 12)];
  },
};

function drawBars(head) {
  const table = head.closest("table");
  const rows = data.bars[table.dataset.sespanTable] ?? [];
  [...table.tBodies[0].rows].forEach((row, at) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 120 14");
    svg.setAttribute("class", "sespan-picture");
    svg.setAttribute("aria-hidden", "true"); // the cells beside it say the same
    if (rows[at]) svg.append(...PICTURES[head.dataset.sespanBars](rows[at], rows));
    row.cells[row.cells.length - 1].replaceChildren(svg);
  });
}

/* The automatic refresh */

const status = document.querySelector("[data-sespan-status]");
const updated = document.querySelector("[data-sespan-updated]");
const stale = root.querySelector("[data-sespan-stale]");
const chosen = document.querySelector("[data-sespan-refresh]");
let timer = 0;
let last = Date.now();

function fillTable(table, { rows, caption }) {
  const kinds = [...table.tHead.rows[0].cells].map((cell) => cell.className);
  const body = rows.map((texts) => {
    const row = document.createElement("tr");
    kinds.forEach((kind, at) => {
      const cell = make(at ? "td" : "th", kind, texts[at] ?? "");
      if (!at) cell.scope = "row";
      row.append(cell);
    });
    return row;
  });
  table.tBodies[0].replaceChildren(...body);
  const said = root.querySelector(`[data-sespan-caption="${table.dataset.sespanTable}"]`);
  if (said) said.textContent = caption;
}

function fillCard(card) {
  const box = root.querySelector(`[data-sespan-card="${card.slug}"]`);
  if (!box) return;
  for (const part of box.querySelectorAll("[data-sespan-part]")) {
    part.textContent = card[part.dataset.sespanPart];
  }
  box.querySelector(".sespan-change").className = `sespan-change${card.tone && ` sespan-${card.tone}`}`;
}

/** Whether the page was made without a part that came now: then it is loaded again. */
function outgrown(answer) {
  const shown = (name) => [...root.querySelectorAll(`[data-sespan-${name}]`)];
  const tables = shown("table").map((table) => table.dataset.sespanTable);
  const boxes = shown("chart").map((chart) => chart.dataset.sespanChart);
  return Object.keys(answer.tables).some((slug) => !tables.includes(slug))
    || Object.keys(answer.charts).some((slug) => !boxes.includes(slug));
}

function fill(answer) {
  if (outgrown(answer)) {
    window.location.reload();
    return;
  }
  for (const panel of root.querySelectorAll("[data-sespan-panel]")) {
    const note = panel.querySelector("[data-sespan-error]");
    note.textContent = answer.errors[panel.dataset.sespanPanel] ?? "";
    note.hidden = !note.textContent;
  }
  answer.cards.forEach(fillCard);
  for (const table of root.querySelectorAll("[data-sespan-table]")) {
    const fresh = answer.tables[table.dataset.sespanTable];
    if (fresh) fillTable(table, fresh);
  }
  for (const [slug, chart] of Object.entries(answer.charts)) {
    root.querySelector(`[data-sespan-sentence="${slug}"]`).textContent = chart.sentence;
    const sums = root.querySelectorAll(`[data-sespan-sum="${slug}"]`);
    sums.forEach((sum, at) => { sum.textContent = answer.sums[slug][at] ?? ""; });
  }
  const health = root.querySelector(".sespan-health");
  if (health) health.className = `sespan-sentence sespan-health sespan-${answer.queue_tone}`;
  // What failed this time keeps what it had.
  const charts = answer.names.length === data.names.length ? { ...data.charts, ...answer.charts } : answer.charts;
  data = answer.names.length ? { ...answer, charts } : { ...data, bars: { ...data.bars, ...answer.bars } };
  updated.textContent = answer.updated;
  say(timed(root.dataset.textUpdated));
  draw();
}

/** Put the time of the shown figures into a text. */
function timed(text) {
  return text.replace("{time}", updated.textContent);
}

function say(text) {
  if (status.textContent !== text) status.textContent = text;
  stale.hidden = true;
}

function warn(text, link) {
  const words = [text];
  if (link) {
    const way = make("a", "", root.dataset.textLogin);
    way.href = window.location.href;
    words.push(" ", way);
  }
  stale.replaceChildren(...words);
  stale.hidden = false;
  if (status.textContent !== text) status.textContent = text;
}

async function refresh() {
  last = Date.now();
  const address = new URL(window.location.href);
  address.searchParams.set("format", "json");
  const clock = new AbortController();
  const limit = setTimeout(() => clock.abort(), 30_000);
  try {
    const response = await fetch(address, {
      credentials: "same-origin", cache: "no-store", redirect: "manual",
      headers: { Accept: "application/json" }, signal: clock.signal,
    });
    if (response.type === "opaqueredirect" || response.status === 401) warn(root.dataset.textSession, true);
    else if (response.status === 403) warn(root.dataset.textRight);
    else if (response.ok) fill(await response.json());
    else warn(timed(root.dataset.textAway));
  } catch {
    warn(timed(root.dataset.textOffline));
  } finally {
    clearTimeout(limit);
    plan();
  }
}

/** Wait for the next refresh; a hidden page waits until it is seen again. */
function plan() {
  clearTimeout(timer);
  const seconds = Number(chosen.value);
  if (!seconds || document.hidden) return;
  timer = setTimeout(refresh, Math.max(0, last + seconds * 1000 - Date.now()));
}

const MEMORY = "sespan-dashboard-refresh";

function remember(value) {
  try {
    if (value !== undefined) window.localStorage.setItem(MEMORY, value);
    return window.localStorage.getItem(MEMORY);
  } catch {
    return null; // a browser without storage forgets, and works
  }
}

function start() {
  draw();
  let width = root.clientWidth;
  new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    for (const [box, plot] of plots) plot.setSize({ width: box.clientWidth, height: HEIGHT() });
  }).observe(root);
  followInk(draw);
  const known = remember();
  if ([...chosen.options].some((option) => option.value === known)) chosen.value = known;
  chosen.closest("[hidden]").hidden = false;
  chosen.addEventListener("change", () => { remember(chosen.value); plan(); });
  document.addEventListener("visibilitychange", plan);
  const print = document.querySelector("[data-sespan-print]");
  print.hidden = false;
  print.addEventListener("click", () => window.print());
  plan();
}

start();
