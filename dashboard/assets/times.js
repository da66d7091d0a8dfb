// Turns <time> into ages that tick and moments in the reader's own zone. It asks the server nothing.

// The server's clock minus this one, so that ages are right on a machine whose clock is not.
let offset_ms = 0;

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

export function setServerTime(iso) {
  const ms = Date.parse(iso);
  // Less than a second is the way, not the clock.
  if (Number.isFinite(ms)) offset_ms = Math.abs(ms - Date.now()) < SECOND ? 0 : ms - Date.now();
}

export function now() {
  return Date.now() + offset_ms;
}

// The same words as the server's.
export function duration(ms) {
  ms = Math.max(0, ms);
  const two = (large, a, small, b) => (small ? `${large} ${a} ${small} ${b}` : `${large} ${a}`);
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return two(Math.floor(ms / MINUTE), "m", Math.floor((ms % MINUTE) / SECOND), "s");
  if (ms < DAY) return two(Math.floor(ms / HOUR), "h", Math.floor((ms % HOUR) / MINUTE), "m");
  return two(Math.floor(ms / DAY), "d", Math.floor((ms % DAY) / HOUR), "h");
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

export function moment(ms) {
  const date = new Date(ms);
  const text = clock.format(date);
  return new Date(now()).toDateString() === date.toDateString() ? text : `${day.format(date)}, ${text}`;
}

export function show(time) {
  const ms = Date.parse(time.dateTime);
  if (!Number.isFinite(ms)) return;
  const { age, since, until } = time.dataset;
  let text;
  if (age !== undefined) {
    const passed = now() - ms;
    text = duration(passed);
    time.classList.toggle("late", age !== "" && passed > Number(age));
    if (age === "") text += " ago";
  } else if (since !== undefined) text = duration(now() - ms);
  else if (until !== undefined) text = ms > now() ? `in ${duration(ms - now() + 999)}` : "now";
  else if (time.dataset.moment !== undefined) text = moment(ms);
  else return;
  if (time.textContent !== text) time.textContent = text;
  if (!time.title) time.title = new Date(ms).toString();
}

export function showAll(root = document) {
  for (const time of root.querySelectorAll("time[data-age], time[data-since], time[data-until], time[data-moment]")) show(time);
}

export function keepTicking(isPaused) {
  showAll();
  setInterval(() => {
    if (!document.hidden && !isPaused()) showAll();
  }, 1000);
}
