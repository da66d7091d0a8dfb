// Charts of an agent: a line with the least and most of each column, and marks where its process began or ended.
// How they are drawn is known to plot.js.

import { figureOf } from "./figures.js";
import { pointAt, startPlots } from "./plot.js";
import { moment } from "./times.js";

export function startCharts(root, live) {
  if (!root) return;
  startPlots(root, live, {
    usual: "15m",
    url: (range, width) => `/api/v1/agents/${root.dataset.id}/charts?${new URLSearchParams({ ...range, buckets: String(Math.min(600, Math.round(width))) })}`,
    lines: (data, figure) => {
      const series = data.series.find((one) => String(one.series_id) === figure.dataset.series);
      return [{ label: "", points: (series?.buckets ?? []).map(([ms, min, max, , last]) => [ms, min, max, last]) }];
    },
    marks: (data) => data.marks,
    atRest: ({ name, lines: [{ points }] }) => (points.length ? figureOf(name, points.at(-1)[3]) : "–"),
    atCursor: (chart, ms) => valueText(chart, pointAt(chart.lines[0], ms)),
    table: ({ name, lines: [{ points }] }) => ({
      titles: ["Time", "Least", "Most", "Last"],
      rows: points.slice().reverse().map(([ms, ...values]) => [moment(ms), ...values.map((value) => figureOf(name, value))]),
    }),
  });
}

function valueText({ name }, [ms, min, max, last]) {
  const spread = min === max ? "" : ` (${figureOf(name, min)} – ${figureOf(name, max)})`;
  return `${moment(ms)} · ${figureOf(name, last)}${spread}`;
}
