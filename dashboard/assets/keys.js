// The keyboard: single letters outside of inputs, switchable off on the help page. It changes nothing by itself.

const SEQUENCE_MS = 1500;
let goUntil = 0;

export function areOn() {
  try { return localStorage.getItem("keys") !== "off"; } catch { return true; }
}

export function setOn(on) {
  try { localStorage.setItem("keys", on ? "on" : "off"); } catch { /* then until the next page */ }
}

function isTyping(element) {
  return element.matches?.("input:not([type=checkbox]), select, textarea, [contenteditable]");
}

function step(direction) {
  const links = [...document.querySelectorAll("#fleet tr th a, #alerts tr td a, #events tr td a, #trace-slowest tr td a, #trace-errors tr td a, #trace-pending tr td a")];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? (direction > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + direction))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function changeRange(direction) {
  const links = [...document.querySelectorAll("#ranges a, #spans a")];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + direction))]?.click();
}

// `actions`: pause, theme, escape.
export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { actions.escape(event); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target) || !areOn()) return;
    const { key } = event;
    if (goUntil > Date.now()) {
      goUntil = 0;
      const link = document.querySelector(`#head a[data-key="${CSS.escape(key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    const act = {
      "/": () => document.querySelector("#search, #log-search, #trace-name")?.focus(),
      g: () => { goUntil = Date.now() + SEQUENCE_MS; },
      j: () => step(1),
      k: () => step(-1),
      p: actions.pause,
      t: actions.theme,
      "[": () => changeRange(-1),
      "]": () => changeRange(1),
      "?": () => { location.href = "/help"; },
    }[key];
    if (act) { event.preventDefault(); act(); }
  });
}
