// Puts the modules together on every page: stream, theme, pause, search, links that only change the URL, favicon, tooltips.

import * as live from "./live.js";
import * as keys from "./keys.js";
import { keepTicking, moment } from "./times.js";
import { startCharts } from "./charts.js";
import { startLog } from "./log.js";
import { startTraces } from "./traces.js";

const stream = document.body.dataset.stream;
const url = () => new URL(location.href);
const byId = (id) => document.getElementById(id);

function streamUrl() {
  const params = url().searchParams;
  const sent = new URLSearchParams();
  for (const name of ["state", "q", "range", "level", "project", "from", "to", "type", "name", "model"]) if (params.get(name)) sent.set(name, params.get(name));
  if (stream.startsWith("/events/agents/")) return stream;
  return sent.size ? `${stream}?${sent}` : stream;
}

export function setParam(name, value, push = false) {
  const next = url();
  if (value === null || value === "") next.searchParams.delete(name); else next.searchParams.set(name, value);
  history[push ? "pushState" : "replaceState"](null, "", next);
}

// Theme: the URL's, else what was chosen before, else the system's.
function toggleTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* the URL keeps it */ }
  setParam("theme", root.dataset.theme);
}

function setPaused(on) {
  live.pause(on);
  const button = byId("pause");
  button.setAttribute("aria-pressed", String(on));
  button.textContent = on ? "Resume" : "Pause";
  setParam("paused", on ? "1" : null);
}

// The fleet page changes in place: the stream's first event is the whole for the new URL.
function startFleet() {
  const search = byId("search");
  if (!search) return;
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      setParam("q", search.value.trim());
      if (live.isPaused()) location.reload(); else refresh();
    }, 200);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("#filters a, #ranges a, #empty a");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const next = new URL(link.href);
    for (const name of ["theme", "paused"]) if (url().searchParams.get(name)) next.searchParams.set(name, url().searchParams.get(name));
    // Paused means that nothing comes by the stream: the page is loaded as it is now, and stays paused.
    if (live.isPaused()) { location.href = next; return; }
    history.pushState(null, "", next);
    search.value = next.searchParams.get("q") ?? "";
    refresh();
  });
  window.addEventListener("popstate", () => { search.value = url().searchParams.get("q") ?? ""; refresh(); });
}

function refresh() {
  live.open(streamUrl());
}

// The number of the unwell in the tab.
let drawn = null;
function drawFavicon() {
  const { unwell = "0" } = byId("head")?.dataset ?? {};
  if (drawn === unwell) return;
  drawn = unwell;
  const count = Number(unwell);
  const title = document.title.replace(/^\(\d+\) /, "");
  document.title = count ? `(${count}) ${title}` : title;
  const text = count > 99 ? "99" : String(count);
  const svg = count
    ? `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#b3241b"/><text x="16" y="23" font-family="sans-serif" font-weight="bold" font-size="20" fill="#fff" text-anchor="middle">${text}</text></svg>`
    : `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1d5fa8"/><path d="M5 17h5l3-8 5 15 3-7h6" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
  byId("favicon").href = `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

// What a slot of a heartbeat bar says, under the pointer.
function startTooltips() {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  document.addEventListener("pointermove", (event) => {
    const bar = event.target.closest?.("svg.bar");
    const ranges = byId("ranges");
    tip.hidden = !bar || !ranges;
    if (tip.hidden) return;
    const box = bar.getBoundingClientRect();
    const slots = bar.viewBox.baseVal.width;
    const slot = Math.min(slots - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * slots)));
    const from = Date.parse(ranges.dataset.from) + slot * Number(ranges.dataset.slotMs);
    const said = slot >= slots - 1 ? bar.closest("tr").querySelector(".words")?.textContent : "";
    tip.textContent = `${moment(from)} · ${statusOf(bar, slot)}${said ? ` · ${said}` : ""}`;
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${event.clientY + 16}px`;
  });
}

function statusOf(bar, slot) {
  for (const [name, word] of [["bad", "error"], ["warn", "degraded"], ["good", "ok"]]) {
    const runs = bar.querySelector(`path.${name}`)?.getAttribute("d") ?? "";
    for (const [, from, length] of runs.matchAll(/M(\d+) \.5h(\d+)/g)) {
      if (slot >= Number(from) && slot < Number(from) + Number(length)) return word;
    }
  }
  return "no heartbeat";
}

byId("theme").addEventListener("click", toggleTheme);
byId("pause").addEventListener("click", () => setPaused(!live.isPaused()));
keys.listen({
  pause: () => { if (stream) setPaused(!live.isPaused()); },
  theme: toggleTheme,
  escape: (event) => {
    if (event.target.matches?.("input[type=search]")) {
      event.target.value = "";
      event.target.dispatchEvent(new Event("input", { bubbles: true }));
      event.target.blur();
    } else if (url().searchParams.get("from")) { const next = url(); next.searchParams.delete("from"); next.searchParams.delete("to"); location.href = next; } else document.activeElement?.blur?.();
  },
});
const box = byId("keys");
if (box) { box.checked = keys.areOn(); box.addEventListener("change", () => keys.setOn(box.checked)); }
live.onEvent("patch", drawFavicon);
drawFavicon();
keepTicking(live.isPaused);
startFleet();
startTooltips();
startCharts(byId("charts"), live);
startLog(byId("log"), live, setParam);
startTraces(live);
if (stream) {
  live.open(streamUrl());
  if (url().searchParams.get("paused") === "1") setPaused(true);
}
