// Charts of a page: one cursor for all, drag to zoom, keys, a table; lines with a band, or bars that stand on each other.
// Gaps stay gaps. It knows no page and computes nothing that the database has not folded already: see charts.js, traces.js.

import { figureOf } from "./figures.js";
import { moment } from "./times.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 120, LEFT = 4, RIGHT = 52, TOP = 8, BOTTOM = 16;
// What is asked for anew because the page has changed costs the database a moment.
const CHANGED_MS = 4000;
const SPANS = { "15m": 900e3, "1h": 3600e3, "6h": 21600e3, "24h": 86400e3, "7d": 604800e3, "30d": 2592000e3, "90d": 7776000e3 };
const TICKS_MS = [5e3, 15e3, 30e3, 60e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 7200e3, 10800e3, 21600e3, 43200e3, 86400e3, 172800e3, 432e6, 604800e3, 1209.6e6, 2592e6, 7776e6];

let root, live, source, data = null, cursor_ms = null, drag = null, busy = false, drawn_ms = 0, wanted = false, drawn = "";

// `source`: `url(params, width)` of the data with `from_ms`, `to_ms`, `bucket_ms`, null while there is nothing to ask for;
// `version()`, which differs once there is something new; `lines(data, figure)`, each line
// `{ label, points: [[ms, low, high, value]] }`; `atRest(chart)` and `atCursor(chart, ms)`, the words beside a chart;
// `table(chart)`, its titles and rows; `marks(data)`; `usual`, the range when the URL names none.
export function startPlots(element, stream, ofPage) {
  [root, live, source] = [element, stream, ofPage];
  load();
  setInterval(() => { if (due()) load(); }, 1000);
  new ResizeObserver(() => draw()).observe(root);
  new MutationObserver(() => load()).observe(root, { childList: true });
}

function range() {
  const params = new URL(location.href).searchParams;
  if (params.get("from")) return { from: params.get("from"), to: params.get("to") };
  return { range: params.get("range") || source.usual };
}

// A column that is wider than the time since would not change.
function due() {
  if (document.hidden || live.isPaused() || drag || !root.childElementCount || range().from) return false;
  if (source.version && source.version() !== drawn) return Date.now() - drawn_ms > CHANGED_MS;
  const column = (SPANS[range().range] ?? 3600e3) / 300;
  return Date.now() - drawn_ms > Math.min(60e3, Math.max(2000, column));
}

async function load() {
  if (busy) { wanted = true; return; }
  if (!root.childElementCount) return;
  const address = source.url(range(), Math.max(200, root.firstElementChild.clientWidth));
  if (!address) return;
  busy = true;
  drawn = source.version?.() ?? "";
  try {
    const answer = await fetch(address);
    if (answer.ok) { data = await answer.json(); draw(); } else excuse();
  } catch { excuse(); }
  drawn_ms = Date.now();
  busy = false;
  if (wanted) { wanted = false; load(); }
}

// The last picture stays, and the connection word says why it does; without one there is a word in its place.
function excuse() {
  for (const box of root.querySelectorAll(".loading")) box.textContent = "no answer yet; it is tried again";
}

function draw() {
  if (!data) return;
  for (const figure of root.children) {
    const plot = figure.querySelector(".plot");
    const width = plot.clientWidth;
    if (!width) continue;
    const chart = layout(source.lines(data, figure), width, figure);
    figure.chart = chart;
    paint(canvas(plot, figure), chart);
    fillTable(figure, chart);
  }
  showCursor();
}

function layout(lines, width, figure) {
  const { name } = figure.dataset, isBars = figure.dataset.look === "bars";
  let low = Infinity, high = -Infinity;
  const times = new Set();
  for (const { points } of lines) for (const [ms, min, max] of points) { times.add(ms); low = Math.min(low, min); high = Math.max(high, max); }
  if (low >= 0) low = 0;
  if (!(high > low)) high = low + 1;
  const step = niceStep((high - low) / 2.2, /bytes/.test(name));
  low = Math.floor(low / step) * step;
  high = Math.ceil(high / step) * step;
  const { from_ms, to_ms, bucket_ms } = data;
  const x = (ms) => LEFT + ((ms - from_ms) / (to_ms - from_ms)) * (width - LEFT - RIGHT);
  const middle = (ms) => Math.min(to_ms, Math.max(from_ms, ms + bucket_ms / 2));
  const y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  return { lines, times: [...times].sort((a, b) => a - b), isBars, width, low, high, step, x, y, name, middle };
}

function niceStep(rough, isBytes) {
  const base = isBytes ? 2 ** Math.floor(Math.log2(rough)) : 10 ** Math.floor(Math.log10(rough));
  if (isBytes) return base >= rough ? base : base * 2;
  return [1, 2, 2.5, 5, 10].map((n) => n * base).find((step) => step >= rough) ?? rough;
}

function make(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// The same element for good: a redraw must not take the keyboard's focus or a drag away.
function canvas(plot, figure) {
  const drawn = plot.querySelector("svg");
  if (drawn) return drawn;
  const svg = make("svg", { tabindex: 0, role: "img" });
  listen(svg, figure);
  plot.replaceChildren(svg);
  return svg;
}

function paint(svg, chart) {
  const { width, x, y, lines, times } = chart;
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  svg.setAttribute("aria-label", said(chart));
  svg.replaceChildren();
  paintAxes(svg, chart);
  for (const mark of source.marks?.(data) ?? []) {
    const line = make("line", { class: `mark-${mark.kind}`, x1: x(mark.ts_ms), x2: x(mark.ts_ms), y1: TOP, y2: HEIGHT - BOTTOM });
    line.append(make("title", {}, `${moment(mark.ts_ms)} ${mark.text}`));
    svg.append(line);
  }
  lines.forEach(({ points }, n) => {
    if (chart.isBars) svg.append(make("path", { class: `column line-${n}`, d: columns(points, chart) }));
    else for (const run of runs(points)) paintRun(svg, run, n, chart);
  });
  if (!times.length) svg.append(make("text", { class: "quiet", x: (width - RIGHT) / 2, y: HEIGHT / 2 }, "no points in this range"));
  svg.append(make("g", { class: "over" }));
}

function paintAxes(svg, { width, low, high, step, x, y, name, times }) {
  const right = width - RIGHT;
  // Without a point there is no scale either.
  if (!times.length) svg.append(make("line", { class: "grid", x1: LEFT, x2: right, y1: y(low), y2: y(low) }));
  else for (let value = low; value <= high + step / 2; value += step) {
    svg.append(make("line", { class: "grid", x1: LEFT, x2: right, y1: y(value), y2: y(value) }));
    svg.append(make("text", { x: right + 5, y: y(value) + 3 }, figureOf(name, value)));
  }
  const tick = TICKS_MS.find((ms) => (data.to_ms - data.from_ms) / ms <= Math.max(2, width / 110)) ?? TICKS_MS.at(-1);
  const zone = new Date(data.from_ms).getTimezoneOffset() * 60e3;
  for (let ms = Math.ceil((data.from_ms - zone) / tick) * tick + zone; ms <= data.to_ms; ms += tick) {
    if (x(ms) < LEFT + 12 || x(ms) > right - 8) continue;
    svg.append(make("text", { x: x(ms), y: HEIGHT - 3, "text-anchor": "middle" }, tickText(ms, tick)));
  }
}

function paintRun(svg, run, n, { x, y, middle }) {
  const at = ([ms]) => x(middle(ms)).toFixed(1);
  const place = (one, value) => `${at(one)} ${y(value).toFixed(1)}`;
  if (run.some(([, low, high]) => low !== high)) {
    const top = run.map((one) => place(one, one[2])), bottom = run.map((one) => place(one, one[1])).reverse();
    svg.append(make("path", { class: "band", d: `M${top.join("L")}L${bottom.join("L")}Z` }));
  }
  if (run.length === 1) svg.append(make("circle", { class: `point line-${n}`, cx: at(run[0]), cy: y(run[0][3]).toFixed(1), r: 1.5 }));
  svg.append(make("path", { class: `curve line-${n}`, d: `M${run.map((one) => place(one, one[3])).join("L")}` }));
}

// Each column is as wide as its time, with a hair between neighbours where there is room. The first and the last may reach
// out of the range.
function columns(points, { x, y, width }) {
  const wide = x(data.from_ms + data.bucket_ms) - x(data.from_ms);
  const hair = wide > 4 ? 1 : 0;
  return points.filter(([, low, high]) => high > low).map(([ms, low, high]) => {
    const left = Math.max(LEFT, x(ms)), right = Math.min(width - RIGHT, x(ms) + wide - hair);
    const across = Math.max(1, right - left).toFixed(2);
    return `M${left.toFixed(2)} ${y(low).toFixed(1)}h${across}V${Math.min(y(high), y(low) - 1).toFixed(1)}h-${across}Z`;
  }).join("");
}

// A stretch without points breaks the line. Agents report every few seconds, so narrow columns may be empty in between.
function runs(points) {
  const steps = points.slice(1).map((one, n) => one[0] - points[n][0]).sort((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] ?? data.bucket_ms;
  const gap = Math.max(data.bucket_ms * 2.5, usual * 3.5);
  const all = [];
  points.forEach((one, n) => {
    if (n === 0 || one[0] - points[n - 1][0] > gap) all.push([]);
    all.at(-1).push(one);
  });
  return all;
}

function tickText(ms, tick) {
  const date = new Date(ms);
  if (tick >= 86400e3) return date.toLocaleDateString(undefined, { month: "short", day: "numeric" });
  const seconds = tick < 60e3 ? { second: "2-digit" } : {};
  return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...seconds });
}

function timeAt(event, svg) {
  const box = svg.getBoundingClientRect();
  const part = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
  return data.from_ms + Math.min(1, Math.max(0, part)) * (data.to_ms - data.from_ms);
}

function listen(svg, figure) {
  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    drag = { from: timeAt(event, svg), to: null, figure };
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    cursor_ms = timeAt(event, svg);
    if (drag) drag.to = cursor_ms;
    showCursor();
  });
  svg.addEventListener("pointerleave", () => { if (!drag) { cursor_ms = null; showCursor(); } });
  svg.addEventListener("pointercancel", () => { drag = null; showCursor(); });
  svg.addEventListener("pointerup", () => {
    const zoom = drag;
    drag = null;
    if (zoom?.to && Math.abs(zoom.to - zoom.from) >= 10e3) zoomTo(Math.min(zoom.from, zoom.to), Math.max(zoom.from, zoom.to));
    showCursor();
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const { times, middle } = figure.chart;
    if (!step || !times.length) return;
    event.preventDefault();
    const at = nearest(times, (cursor_ms ?? (step > 0 ? data.from_ms : data.to_ms)) - data.bucket_ms / 2);
    const next = cursor_ms === null ? at : Math.min(times.length - 1, Math.max(0, at + step));
    cursor_ms = middle(times[next]);
    showCursor();
    document.getElementById("chart-said").textContent = source.atCursor(figure.chart, times[next]);
  });
}

function zoomTo(from, to) {
  const next = new URL(location.href);
  next.searchParams.delete("range");
  next.searchParams.set("from", String(Math.round(from)));
  next.searchParams.set("to", String(Math.round(to)));
  location.href = next;
}

function nearest(times, ms) {
  let best = 0;
  times.forEach((at, n) => { if (Math.abs(at - ms) < Math.abs(times[best] - ms)) best = n; });
  return best;
}

// The point of a line at the start of a column.
export function pointAt({ points }, ms) {
  return points.find((one) => one[0] === ms);
}

function showCursor() {
  for (const figure of root.children) {
    const { chart } = figure;
    const over = figure.querySelector(".over");
    if (!chart || !over) continue;
    over.replaceChildren();
    if (drag?.to) {
      const [a, b] = [chart.x(Math.min(drag.from, drag.to)), chart.x(Math.max(drag.from, drag.to))];
      over.append(make("rect", { class: "zoom", x: a, y: TOP, width: b - a, height: HEIGHT - TOP - BOTTOM }));
    }
    figure.querySelector(".chart-value").textContent = cursor_ms === null ? source.atRest(chart) : paintCursor(over, chart);
  }
}

function paintCursor(over, chart) {
  const { x, y, times, middle } = chart;
  if (!times.length) return "–";
  const ms = times[nearest(times, cursor_ms - data.bucket_ms / 2)];
  over.append(make("line", { class: "cursor", x1: x(cursor_ms), x2: x(cursor_ms), y1: TOP, y2: HEIGHT - BOTTOM }));
  if (Math.abs(middle(ms) - cursor_ms) > Math.max(data.bucket_ms * 2, 15e3)) return "–";
  chart.lines.forEach((line, n) => {
    const point = pointAt(line, ms);
    if (point && !chart.isBars) over.append(make("circle", { class: `dot line-${n}`, cx: x(middle(ms)), cy: y(point[3]), r: 3.5 }));
  });
  return source.atCursor(chart, ms);
}

function said({ lines, times, name }) {
  if (!times.length) return `${name}: no points in this range`;
  const words = lines.filter(({ points }) => points.length).map(({ label, points }) => {
    const values = (n) => points.map((one) => one[n]), [low, high] = [Math.min(...values(3), ...values(1)), Math.max(...values(3), ...values(2))];
    return `${label || name}: from ${figureOf(name, low)} to ${figureOf(name, high)}, last ${figureOf(name, points.at(-1)[3])}.`;
  });
  return `${words.join(" ")} Arrow keys move the cursor.`;
}

// The table is filled once it is opened: nobody reads three hundred rows that are closed.
function fillTable(figure, chart) {
  const details = figure.querySelector("details");
  const fill = () => {
    if (!details.open) return;
    const { titles, rows } = source.table(chart);
    const table = document.createElement("table");
    table.className = "list";
    const head = table.createTHead().insertRow();
    for (const title of titles) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = title;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const texts of rows) {
      const row = body.insertRow();
      for (const text of texts) row.insertCell().textContent = text;
    }
    details.querySelector(".scroll").replaceChildren(table);
  };
  details.ontoggle = fill;
  fill();
}
