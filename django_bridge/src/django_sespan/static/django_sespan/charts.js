/**
 * What the charts of the staff's pages share: axes, bars, the readout under the pointer, and ink
 * that follows theme and paper. A plain script that stands before dashboard.js and reports.js: the
 * storage that hashes names of static files does not look into imports.
 */

window.sespanCharts = (() => {
  const short = new Intl.NumberFormat(document.documentElement.lang || undefined, {
    notation: "compact", maximumFractionDigits: 1,
  });

  function make(name, className, text = "") {
    const element = document.createElement(name);
    if (className) element.className = className;
    element.textContent = text;
    return element;
  }

  function colour(name) {
    return getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
  }

  function bars(tone) {
    const paths = window.uPlot.paths.bars({ size: [0.72, 36, 1] });
    return { fill: colour(tone), width: 0, points: { show: false }, paths };
  }

  /** The two axes: `labelled(width)` gives the steps that have a label of `ticks()`. */
  function axes(labelled, ticks, values = {}) {
    const ink = { stroke: colour("soft"), font: "12px system-ui, sans-serif" };
    const line = { stroke: colour("grid"), width: 1 };
    const widest = (texts) => Math.max(0, ...(texts ?? []).map((text) => text.length));
    return [
      {
        ...ink, grid: { show: false }, ticks: { ...line, size: 4 }, gap: 4, size: 30,
        splits: (plot) => labelled(plot.bbox.width / devicePixelRatio),
        values: (_, at) => at.map((each) => ticks()[each] ?? ""),
      },
      {
        ...ink, grid: line, ticks: { show: false }, gap: 6, space: 44, ...values,
        size: (_, texts) => 14 + 7 * widest(texts),
        values: (_, at) => at.map((each) => short.format(each)),
      },
    ];
  }

  /** Show what stands under the pointer: the step's name and a line for each series. */
  function readOut(plot, names, series, format) {
    const { idx, left } = plot.cursor;
    plot.tip ??= plot.over.appendChild(make("div", "sespan-tip"));
    plot.tip.hidden = idx === null || idx === undefined || left < 0;
    if (plot.tip.hidden) return;
    const lines = series.map(({ label, tone, values }) => {
      const row = make("p", "", label);
      row.prepend(make("span", `sespan-swatch sespan-tone-${tone}`));
      row.append(make("strong", "", format(values[idx])));
      return row;
    });
    plot.tip.replaceChildren(make("p", "", names[idx]), ...lines);
    const { offsetWidth, offsetHeight } = plot.tip;
    const x = left + 14 + offsetWidth > plot.over.clientWidth ? left - 14 - offsetWidth : left + 14;
    const y = Math.max(0, (plot.over.clientHeight - offsetHeight) / 3);
    plot.tip.style.transform = `translate(${Math.max(-40, Math.round(x))}px, ${Math.round(y)}px)`;
  }

  /** Draw again in the colours of a changed theme, and in those of paper. */
  function followInk(draw) {
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    window.addEventListener("beforeprint", () => { document.body.dataset.ink = "paper"; draw(); });
    window.addEventListener("afterprint", () => { delete document.body.dataset.ink; draw(); });
  }

  return { make, colour, bars, axes, readOut, followInk };
})();
