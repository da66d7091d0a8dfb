// Numbers with the unit in which their name ends. It knows no chart.

import { duration } from "./times.js";

// The same words as the server's `words::figure`.
export function figureOf(name, value) {
  if (/(^|_)bytes_per_second$/.test(name)) return `${scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"])}/s`;
  if (/(^|_)per_second$/.test(name)) return `${number(value)}/s`;
  if (/(^|_)percent$/.test(name)) return `${number(value)} %`;
  if (/(^|_)bytes$/.test(name)) return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
  if (/(^|_)us$/.test(name)) return Math.abs(value) < 60e6 ? shortTime(value) : duration(value / 1000);
  if (/(^|_)usd$/.test(name)) return dollars(value);
  if (/(^|_)ms$/.test(name)) return Math.abs(value) < 1000 ? `${number(value)} ms` : duration(value);
  if (/(^|_)(seconds|s)$/.test(name)) return Math.abs(value) < 60 ? `${number(value)} s` : duration(value * 1000);
  return number(value);
}

function shortTime(us) {
  return us !== 0 && Math.abs(us) < 1e6 ? `${number(us / 1000)} ms` : `${number(us / 1e6)} s`;
}

function dollars(value) {
  const size = Math.abs(value);
  if (size >= 1000) return `$${number(value)}`;
  return `$${size >= 1 || size === 0 ? value.toFixed(2) : size >= 0.000001 ? Number(value.toPrecision(2)).toFixed(Math.min(8, 1 - Math.floor(Math.log10(size)))) : value.toExponential(1)}`;
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

