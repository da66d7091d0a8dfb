// The page of traces: its charts, the range from two times of the reader's own zone, the search for a run's name.
// How charts are drawn is known to plot.js; what the page says comes from the server.

import { figureOf } from "./figures.js";
import { pointAt, startPlots } from "./plot.js";
import { moment } from "./times.js";

// A column holds some hundred pixels' worth of runs, not one: percentiles of a handful of runs would only be noise.
const COLUMN_PX = 6;

// What each chart shows of a column; null where nothing was received, which leaves a gap.
const LINES = {
  runs: [["succeeded", (one) => one.runs - one.errors - one.pending], ["failed", (one) => one.errors], ["pending", (one) => one.pending]],
  errors: [["error rate", (one) => (one.runs ? (one.errors / one.runs) * 100 : null)]],
  latency: ["p50", "p95", "p99"].map((name) => [name, (one) => one.latency_us?.[name] ?? null]),
  first_token: ["p50", "p95"].map((name) => [name, (one) => one.first_token_us?.[name] ?? null]),
  tokens: [["prompt", (one) => one.prompt_tokens], ["completion", (one) => one.completion_tokens]],
  cost: [["cost", (one) => (one.total_cost === null ? null : Number(one.total_cost))]],
};

export function startTraces(live) {
  startRange();
  startName();
  const root = document.getElementById("trace-charts");
  if (!root) return;
  startPlots(root, live, {
    usual: "24h",
    url: (range, width) => {
      const query = new URLSearchParams({ ...range, buckets: String(Math.min(300, Math.max(20, Math.round(width / COLUMN_PX)))) });
      for (const [name, value] of new URL(location.href).searchParams) if (["project", "type", "name", "model"].includes(name)) query.set(name, value);
      // The page says which one it shows where the URL names none.
      const shown = document.querySelector("#trace-projects [aria-current]")?.dataset.project;
      if (!shown) return null;
      query.set("project", shown);
      return `/api/v1/traces/charts?${query}`;
    },
    version: () => document.getElementById("trace-tiles").textContent,
    lines: (data, figure) => (figure.dataset.look === "bars" ? stacked : apart)(LINES[figure.dataset.figure], data.buckets),
    atRest: () => "",
    atCursor: ({ lines, name }, ms) => `${moment(ms)} · ${lines.map((line) => told(line, ms, name)).join(" · ")}`,
    table: ({ lines, name, times }) => ({
      titles: ["Time", ...lines.map(({ label }) => label)],
      rows: times.slice().reverse().map((ms) => [moment(ms), ...lines.map((line) => valueOf(line, ms, name))]),
    }),
  });
}

function apart(wanted, buckets) {
  return wanted.map(([label, read]) => ({
    label,
    points: buckets.map((one) => [one.start_ms, read(one)]).filter(([, value]) => value !== null).map(([ms, value]) => [ms, value, value, value]),
  }));
}

// Each on top of the one before.
function stacked(wanted, buckets) {
  const tops = new Map();
  return wanted.map(([label, read]) => ({
    label,
    points: buckets.map((one) => [one.start_ms, read(one)]).filter(([, value]) => value !== null).map(([ms, value]) => {
      const low = tops.get(ms) ?? 0;
      tops.set(ms, low + value);
      return [ms, low, low + value, value];
    }),
  }));
}

function valueOf(line, ms, name) {
  const point = pointAt(line, ms);
  return point ? figureOf(name, point[3]) : "–";
}

function told(line, ms, name) {
  return `${line.label} ${valueOf(line, ms, name)}`;
}

function go(change) {
  const next = new URL(location.href);
  change(next.searchParams);
  location.href = next;
}

// What an input of a time holds and wants: the reader's own clock without a zone.
function asLocal(ms) {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
}

function startRange() {
  const box = document.getElementById("trace-range");
  if (!box) return;
  const [from, to] = box.querySelectorAll("input");
  from.value = asLocal(Number(box.dataset.from));
  to.value = asLocal(Number(box.dataset.to));
  box.querySelector("button").addEventListener("click", () => {
    const ends = [from, to].map((input) => new Date(input.value).getTime());
    const bad = !(ends[1] - ends[0] >= 60e3 && ends[1] - ends[0] <= 400 * 86400e3);
    from.setCustomValidity(bad ? "The end must be at least a minute and at most 400 days after the beginning." : "");
    if (!from.reportValidity()) return;
    go((params) => { params.delete("range"); params.set("from", ends[0]); params.set("to", ends[1]); });
  });
}

function startName() {
  const input = document.getElementById("trace-name");
  input?.addEventListener("change", () => go((params) => {
    const name = input.value.trim();
    if (name) params.set("name", name); else params.delete("name");
  }));
}
