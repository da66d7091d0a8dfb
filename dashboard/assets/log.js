// The log on an agent's page: adds what comes, filters and searches what is there, fetches older lines.
// All text is set as text.

// Older lines go when there are more: a page of a hundred thousand lines would crawl.
const LINES_MAX = 5000;

let section, lines, search, origin, wrap, follow, newer, count, older, agent, unseen = 0, pattern = null, keep = () => {};

export function startLog(element, live, setParam) {
  if (!element) return;
  section = element;
  const find = (id) => document.getElementById(id);
  [lines, search, origin, wrap, follow, newer, count, older] =
    ["log-lines", "log-search", "log-origin", "log-wrap", "log-follow", "log-new", "log-count", "log-older"].map(find);
  agent = document.getElementById("charts").dataset.id;
  keep = setParam;
  const params = new URL(location.href).searchParams;
  search.value = params.get("logq") ?? "";
  origin.value = ["out", "err", "coordinator"].includes(params.get("log")) ? params.get("log") : "";
  wrap.checked = params.get("wrap") !== "0";
  follow.checked = params.get("follow") !== "0";
  search.addEventListener("input", () => { keep("logq", search.value); filter(); });
  origin.addEventListener("change", () => { keep("log", origin.value); filter(); });
  wrap.addEventListener("change", () => { keep("wrap", wrap.checked ? null : "0"); setWrap(); });
  follow.addEventListener("change", () => { keep("follow", follow.checked ? null : "0"); if (follow.checked) toEnd(); });
  newer.addEventListener("click", () => { setFollow(true); toEnd(); });
  older.addEventListener("click", loadOlder);
  lines.addEventListener("scroll", () => {
    const isAtEnd = lines.scrollTop + lines.clientHeight > lines.scrollHeight - 24;
    if (isAtEnd) clearUnseen();
    else if (follow.checked && lines.matches(":hover, :focus")) setFollow(false);
  });
  lines.addEventListener("dblclick", showInContext);
  live.onEvent("log", receive);
  setWrap();
  filter();
  toEnd();
  showOlder();
}

function setWrap() {
  lines.classList.toggle("nowrap", !wrap.checked);
}

function setFollow(on) {
  follow.checked = on;
  keep("follow", on ? null : "0");
}

function toEnd() {
  lines.scrollTop = lines.scrollHeight;
  clearUnseen();
}

function clearUnseen() {
  unseen = 0;
  newer.hidden = true;
}

function receive({ reset, lines: fresh, older: place, excuse }) {
  if (reset) {
    lines.replaceChildren();
    lines.dataset.older = place ?? "";
    const text = document.getElementById("log-excuse");
    text.hidden = !excuse;
    text.textContent = excuse ?? "";
    showOlder();
  }
  if (fresh.length) {
    document.getElementById("log-excuse").hidden = true;
    lines.append(...fresh.map(make));
  }
  while (follow.checked && lines.childElementCount > LINES_MAX) {
    lines.firstElementChild.remove();
    // Where they were is no longer known.
    older.hidden = true;
  }
  filter();
  if (follow.checked) toEnd();
  else if (!reset && fresh.length) {
    unseen += fresh.length;
    newer.hidden = false;
    newer.textContent = unseen === 1 ? "1 new line" : `${unseen} new lines`;
  }
}

function make({ at, origin: from, segments }) {
  const line = document.createElement("div");
  line.className = "line";
  line.dataset.origin = from;
  const time = document.createElement("time");
  time.dateTime = at;
  time.textContent = at.slice(11, 23);
  const who = document.createElement("span");
  who.className = "origin";
  who.textContent = from === "coordinator" ? "coord" : from;
  const text = document.createElement("span");
  text.className = "text";
  for (const segment of segments) {
    const span = document.createElement("span");
    if (segment.class) span.className = segment.class;
    span.textContent = segment.text;
    text.append(span);
  }
  line.append(time, who, text);
  return line;
}

function filter() {
  pattern = null;
  search.setCustomValidity("");
  if (search.value) {
    try { pattern = new RegExp(search.value, "i"); } catch { search.setCustomValidity("not a regular expression"); }
  }
  search.setAttribute("aria-invalid", String(!search.validity.valid));
  let shown = 0;
  for (const line of lines.children) {
    const isShown = (!origin.value || line.dataset.origin === origin.value) && (!pattern || pattern.test(line.lastElementChild.textContent));
    line.hidden = !isShown;
    if (isShown) shown += 1;
  }
  const all = lines.childElementCount;
  const isFiltered = origin.value || search.value;
  count.textContent = !search.validity.valid ? "not a regular expression" : isFiltered ? `${shown} of ${all} lines; double-click one to see it in context` : all ? `${all} lines` : "";
}

// All lines again, with the chosen one in the middle.
function showInContext(event) {
  const line = event.target.closest(".line");
  if (!line || !(origin.value || search.value)) return;
  search.value = origin.value = "";
  keep("logq", null);
  keep("log", null);
  setFollow(false);
  filter();
  for (const other of lines.querySelectorAll(".context")) other.classList.remove("context");
  line.classList.add("context");
  line.scrollIntoView({ block: "center" });
}

function showOlder() {
  older.hidden = !lines.dataset.older;
}

async function loadOlder() {
  older.disabled = true;
  try {
    const query = new URLSearchParams({ before: lines.dataset.older, limit: "500" });
    const answer = await fetch(`/api/v1/agents/${agent}/log?${query}`);
    if (answer.ok) {
      const piece = await answer.json();
      const height = lines.scrollHeight;
      setFollow(false);
      lines.prepend(...piece.lines.map(make));
      lines.dataset.older = piece.older ?? "";
      filter();
      lines.scrollTop += lines.scrollHeight - height;
    } else { lines.dataset.older = ""; }
  } catch { /* it can be pressed again */ }
  older.disabled = false;
  showOlder();
}
