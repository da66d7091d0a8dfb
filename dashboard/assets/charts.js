// Charts of an agent: fetches buckets as wide as the screen, draws SVG, one cursor for all, drag to zoom, keys, a table.
// Gaps stay gaps. It computes nothing that the database has not folded already.

import { duration, moment } from "./times.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 120, LEFT = 4, RIGHT = 52, TOP = 8, BOTTOM = 16;
const SPANS = { "15m": 900e3, "1h": 3600e3, "6h": 21600e3, "24h": 86400e3, "7d": 604800e3, "30d": 2592000e3 };
const TICKS_MS = [5e3, 15e3, 30e3, 60e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 7200e3, 10800e3, 21600e3, 43200e3, 86400e3, 172800e3, 432e6, 604800e3, 2592e6, 7776e6];

let root, live, data = null, cursor_ms = null, drag = null, busy = false, drawn_ms = 0, wanted = false;

export function startCharts(element, stream) {
  if (!element) return;
  root = element;
  live = stream;
  load();
  setInterval(() => { if (due()) load(); }, 1000);
  new ResizeObserver(() => draw()).observe(root);
  new MutationObserver(() => load()).observe(root, { childList: true });
}

function range() {
  const params = new URL(location.href).searchParams;
  if (params.get("from")) return { from: params.get("from"), to: params.get("to") };
  return { range: params.get("range") || "15m" };
}

// A column that is wider than the time since would not change.
function due() {
  if (document.hidden || live.isPaused() || drag || !root.childElementCount || range().from) return false;
  const column = (SPANS[range().range] ?? 3600e3) / 300;
  return Date.now() - drawn_ms > Math.min(60e3, Math.max(2000, column));
}

async function load() {
  if (busy) { wanted = true; return; }
  if (!root.childElementCount) return;
  busy = true;
  const width = Math.max(200, root.firstElementChild.clientWidth);
  const query = new URLSearchParams({ ...range(), buckets: String(Math.min(600, Math.round(width))) });
  try {
    const answer = await fetch(`/api/v1/agents/${root.dataset.id}/charts?${query}`);
    if (answer.ok) { data = await answer.json(); draw(); }
  } catch { /* the connection word says so; the last picture stays */ }
  drawn_ms = Date.now();
  busy = false;
  if (wanted) { wanted = false; load(); }
}

function draw() {
  if (!data) return;
  for (const figure of root.children) {
    const series = data.series.find((one) => String(one.series_id) === figure.dataset.series);
    const plot = figure.querySelector(".plot");
    const width = plot.clientWidth;
    if (!width) continue;
    const chart = layout(series?.buckets ?? [], width, figure.dataset.name);
    figure.chart = chart;
    paint(canvas(plot, figure), chart);
    fillTable(figure, chart);
  }
  showCursor();
}

function layout(buckets, width, name) {
  let low = Infinity, high = -Infinity;
  for (const [, min, max] of buckets) { low = Math.min(low, min); high = Math.max(high, max); }
  if (low >= 0) low = 0;
  if (!(high > low)) high = low + 1;
  const step = niceStep((high - low) / 2.2, /bytes/.test(name));
  low = Math.floor(low / step) * step;
  high = Math.ceil(high / step) * step;
  const { from_ms, to_ms, bucket_ms } = data;
  const x = (ms) => LEFT + ((ms - from_ms) / (to_ms - from_ms)) * (width - LEFT - RIGHT);
  const y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  return { buckets, width, low, high, step, x, y, name, middle: bucket_ms / 2 };
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
  const { width, low, high, step, x, y, buckets, name, middle } = chart;
  const right = width - RIGHT;
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  svg.setAttribute("aria-label", said(chart));
  svg.replaceChildren();
  for (let value = low; value <= high + step / 2; value += step) {
    svg.append(make("line", { class: "grid", x1: LEFT, x2: right, y1: y(value), y2: y(value) }));
    svg.append(make("text", { x: right + 5, y: y(value) + 3 }, figureOf(name, value)));
  }
  const tick = TICKS_MS.find((ms) => (data.to_ms - data.from_ms) / ms <= Math.max(2, width / 110)) ?? TICKS_MS.at(-1);
  const zone = new Date(data.from_ms).getTimezoneOffset() * 60e3;
  for (let ms = Math.ceil((data.from_ms - zone) / tick) * tick + zone; ms <= data.to_ms; ms += tick) {
    if (x(ms) < LEFT + 12 || x(ms) > right - 8) continue;
    svg.append(make("text", { x: x(ms), y: HEIGHT - 3, "text-anchor": "middle" }, tickText(ms, tick)));
  }
  for (const mark of data.marks) {
    const line = make("line", { class: `mark-${mark.kind}`, x1: x(mark.ts_ms), x2: x(mark.ts_ms), y1: TOP, y2: HEIGHT - BOTTOM });
    line.append(make("title", {}, `${moment(mark.ts_ms)} ${mark.text}`));
    svg.append(line);
  }
  for (const run of runs(buckets)) {
    const at = ([ms]) => x(ms + middle).toFixed(1);
    const top = run.map((one) => `${at(one)} ${y(one[2]).toFixed(1)}`);
    const bottom = run.map((one) => `${at(one)} ${y(one[1]).toFixed(1)}`).reverse();
    svg.append(make("path", { class: "band", d: `M${top.join("L")}L${bottom.join("L")}Z` }));
    if (run.length === 1) svg.append(make("circle", { class: "point", cx: at(run[0]), cy: y(run[0][4]).toFixed(1), r: 1.5 }));
    const curve = run.map((one) => `${at(one)} ${y(one[4]).toFixed(1)}`);
    svg.append(make("path", { class: "curve", d: `M${curve.join("L")}` }));
  }
  if (!buckets.length) svg.append(make("text", { class: "quiet", x: width / 2, y: HEIGHT / 2 }, "no points in this range"));
  svg.append(make("g", { class: "over" }));
}

// A stretch without points breaks the line. Agents report every few seconds, so narrow columns may be empty in between.
function runs(buckets) {
  const steps = buckets.slice(1).map((one, n) => one[0] - buckets[n][0]).sort((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] ?? data.bucket_ms;
  const gap = Math.max(data.bucket_ms * 2.5, usual * 3.5);
  const all = [];
  buckets.forEach((one, n) => {
    if (n === 0 || one[0] - buckets[n - 1][0] > gap) all.push([]);
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
    const { buckets, middle } = figure.chart;
    if (!step || !buckets.length) return;
    event.preventDefault();
    const at = nearest(buckets, (cursor_ms ?? (step > 0 ? data.from_ms : data.to_ms)) - middle);
    const next = cursor_ms === null ? at : Math.min(buckets.length - 1, Math.max(0, at + step));
    cursor_ms = buckets[next][0] + middle;
    showCursor();
    document.getElementById("chart-said").textContent = valueText(figure.chart, buckets[next]);
  });
}

function zoomTo(from, to) {
  const next = new URL(location.href);
  next.searchParams.delete("range");
  next.searchParams.set("from", String(Math.round(from)));
  next.searchParams.set("to", String(Math.round(to)));
  location.href = next;
}

function nearest(buckets, ms) {
  let best = 0;
  buckets.forEach(([at], n) => { if (Math.abs(at - ms) < Math.abs(buckets[best][0] - ms)) best = n; });
  return best;
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
    const output = figure.querySelector(".chart-value");
    let bucket = chart.buckets.at(-1);
    if (cursor_ms !== null && bucket) {
      bucket = chart.buckets[nearest(chart.buckets, cursor_ms - chart.middle)];
      over.append(make("line", { class: "cursor", x1: chart.x(cursor_ms), x2: chart.x(cursor_ms), y1: TOP, y2: HEIGHT - BOTTOM }));
      if (Math.abs(bucket[0] + chart.middle - cursor_ms) > Math.max(data.bucket_ms * 2, 15e3)) bucket = null;
      else over.append(make("circle", { class: "dot", cx: chart.x(bucket[0] + chart.middle), cy: chart.y(bucket[4]), r: 3.5 }));
    }
    output.textContent = !bucket ? "–" : cursor_ms === null ? figureOf(chart.name, bucket[4]) : valueText(chart, bucket);
  }
}

function valueText(chart, [ms, min, max, , last]) {
  const spread = min === max ? "" : ` (${figureOf(chart.name, min)} – ${figureOf(chart.name, max)})`;
  return `${moment(ms)} · ${figureOf(chart.name, last)}${spread}`;
}

function said({ buckets, name }) {
  if (!buckets.length) return `${name}: no points in this range`;
  const low = Math.min(...buckets.map((one) => one[1])), high = Math.max(...buckets.map((one) => one[2]));
  return `${name}: from ${figureOf(name, low)} to ${figureOf(name, high)}, last ${figureOf(name, buckets.at(-1)[4])}. Arrow keys move the cursor.`;
}

// The table is filled once it is opened: nobody reads three hundred rows that are closed.
function fillTable(figure, chart) {
  const details = figure.querySelector("details");
  const fill = () => {
    if (!details.open) return;
    const table = document.createElement("table");
    table.className = "list";
    const head = table.createTHead().insertRow();
    for (const title of ["Time", "Least", "Most", "Last"]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = title;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const [ms, min, max, , last] of chart.buckets.slice().reverse()) {
      const row = body.insertRow();
      for (const text of [moment(ms), ...[min, max, last].map((value) => figureOf(chart.name, value))]) row.insertCell().textContent = text;
    }
    details.querySelector(".scroll").replaceChildren(table);
  };
  details.ontoggle = fill;
  fill();
}

// The same words as the server's `words::figure`.
export function figureOf(name, value) {
  if (/(^|_)bytes_per_second$/.test(name)) return `${scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"])}/s`;
  if (/(^|_)per_second$/.test(name)) return `${number(value)}/s`;
  if (/(^|_)percent$/.test(name)) return `${number(value)} %`;
  if (/(^|_)bytes$/.test(name)) return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
  if (/(^|_)ms$/.test(name)) return Math.abs(value) < 1000 ? `${number(value)} ms` : duration(value);
  if (/(^|_)(seconds|s)$/.test(name)) return Math.abs(value) < 60 ? `${number(value)} s` : duration(value * 1000);
  return number(value);
}

function number(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return scaled(value, 1000, ["", "k", "M", "G", "T"]);
  if (Number.isInteger(value)) return value.toLocaleString("en").replaceAll(",", "\u202f");
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  if (size >= 1) return value.toFixed(2);
  return size >= 0.001 ? String(Number(value.toFixed(3))) : value.toExponential(1);
}

function scaled(value, step, units) {
  let at = 0;
  while (Math.abs(value) >= step && at + 1 < units.length) { value /= step; at += 1; }
  const text = at === 0 || Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
  return `${text} ${units[at]}`.trim();
}

