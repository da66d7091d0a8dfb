// Live updates: one EventSource for a page, patches by id, the connection word. It knows nothing of what it shows.

import { setServerTime, show, showAll } from "./times.js";

// Text becomes elements here alone; it comes from this server, which escapes all that agents say.
const policy = window.trustedTypes?.createPolicy("patch", { createHTML: (html) => html }) ?? { createHTML: (html) => html };

// The server ticks every five seconds; three missed ones are a dead connection.
const SILENCE_MS = 16000;
const RETRY_MS = 2000;

const word = document.getElementById("connection");
const listeners = {};
let source = null, url = null, paused = false, heard = 0, timer = 0, opened = false;

export function onEvent(name, listener) {
  listeners[name] = listener;
}

export function isPaused() {
  return paused;
}

function say(state) {
  if (state === "live") {
    const banner = document.getElementById("banner")?.dataset.banner;
    if (banner === "down" || banner === "waiting") state = "stale";
  }
  if (word.dataset.connection === state) return;
  word.dataset.connection = state;
  word.textContent = state;
}

export function open(newUrl) {
  url = newUrl;
  close();
  if (!url || paused || document.hidden) return;
  if (!opened) say("connecting");
  source = new EventSource(url);
  heard = Date.now();
  source.onopen = () => { heard = Date.now(); };
  source.onerror = () => {
    say("reconnecting");
    // After an answer such as 503 the browser gives up; we do not.
    if (source?.readyState === EventSource.CLOSED) again();
  };
  source.addEventListener("tick", (event) => { setServerTime(event.data); alive(); });
  source.addEventListener("patch", (event) => { apply(JSON.parse(event.data)); alive(); });
  source.addEventListener("log", (event) => { listeners.log?.(JSON.parse(event.data)); alive(); });
}

function alive() {
  opened = true;
  heard = Date.now();
  say("live");
}

function again() {
  close();
  clearTimeout(timer);
  timer = setTimeout(() => open(url), RETRY_MS);
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

export function pause(on) {
  paused = on;
  if (on) { close(); say("paused"); } else { opened = false; open(url); }
}

// A browser opens six connections to one server: a hidden tab must not hold one.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else if (!paused && url) open(url);
});
window.addEventListener("pagehide", close);
window.addEventListener("pageshow", (event) => { if (event.persisted && !paused) open(url); });
setInterval(() => {
  if (source && Date.now() - heard > SILENCE_MS) { say("reconnecting"); again(); }
}, 2000);

// Rows wait for their new order while somebody points at them or is in them.
const fresh = new Map();
const waiting = new Map();

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(html);
  return template.content.firstElementChild;
}

function apply({ parts, lists }) {
  const changed = [];
  for (const [id, html] of parts) {
    const element = parse(html);
    if (!element) continue;
    const present = document.getElementById(id);
    if (present) { morph(present, element); changed.push(present); } else fresh.set(id, element);
  }
  for (const [id, order] of lists) {
    const container = document.getElementById(id);
    if (!container) continue;
    if (isBusy(container)) waiting.set(id, order); else { waiting.delete(id); arrange(container, order); }
    changed.push(container);
  }
  for (const element of changed) {
    showAll(element);
    if (element.matches("time")) show(element);
  }
  listeners.patch?.();
}

function isBusy(container) {
  return container.childElementCount > 0 && container.matches("#fleet") && (container.matches(":hover") || container.contains(document.activeElement));
}

for (const name of ["pointerout", "focusout"]) {
  document.addEventListener(name, () => setTimeout(() => {
    for (const [id, order] of waiting) {
      const container = document.getElementById(id);
      if (container && !isBusy(container)) { waiting.delete(id); arrange(container, order); showAll(container); }
    }
  }, 150));
}

function arrange(container, order) {
  const wanted = new Set(order);
  for (const child of [...container.children]) if (!wanted.has(child.id)) child.remove();
  let at = container.firstElementChild;
  for (const id of order) {
    const element = fresh.get(id) ?? document.getElementById(id);
    fresh.delete(id);
    if (!element) continue;
    if (element === at) at = at.nextElementSibling; else container.insertBefore(element, at);
  }
}

// Makes `from` equal to `to` with the least change, so that focus, selection and open details stay.
export function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) { from.replaceWith(to); return; }
  if (from.nodeType !== Node.ELEMENT_NODE) { if (from.data !== to.data) from.data = to.data; return; }
  if (from.hasAttribute("data-keep")) return;
  if (from.nodeName === "TIME" && from.dateTime === to.dateTime) { syncAttributes(from, to, true); return; }
  syncAttributes(from, to, false);
  const news = [...to.childNodes], olds = [...from.childNodes];
  news.forEach((node, n) => { if (n < olds.length) morph(olds[n], node); else from.append(node); });
  olds.slice(news.length).forEach((node) => node.remove());
}

function syncAttributes(from, to, isTime) {
  for (const { name } of [...from.attributes]) {
    const isOurs = (from.nodeName === "DETAILS" && name === "open") || (from.nodeName === "TIME" && name === "title") || (isTime && name === "class");
    if (!to.hasAttribute(name) && !isOurs) from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
}
