#!/usr/bin/env node
// Asks URLs whether they answer and how fast. One file, Node 20.3 or newer and nothing else.
//
// Alone:               WATCHED_URLS="https://example.org" ./url_watcher.mjs
// Under a coordinator: settings come from the agent's `config` table, else from the environment.
//
// It does not follow what the pages say: an answer below 400 is a good one.

import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const supervised = Boolean(process.env.AGENT_NAME);
// Ends whatever is awaited once the agent has to stop.
const stopping = new AbortController();
let greet;
const hello = new Promise((resolve) => (greet = resolve));

// The wire. On Linux a write to a pipe is done when `write` returns, so there is nothing to flush.
const send = (type, fields = {}) => process.stdout.write(JSON.stringify({ type, ...fields }) + "\n");
process.stdout.on("error", () => process.exit(4)); // nobody reads any more
process.on("SIGTERM", () => stopping.abort());
process.on("SIGINT", () => stopping.abort());

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  let message;
  try {
    message = JSON.parse(line);
  } catch {
    return;
  }
  if (message?.type === "hello") greet(message);
  if (message?.type === "stop") stopping.abort();
  // Types that are not known here are ignored.
});
// The coordinator is gone. Alone, an agent has nobody there in the first place.
input.on("close", () => supervised && stopping.abort());

let seq = 0;
function heartbeat(status, message, metrics) {
  seq += 1;
  send("heartbeat", { seq, status, message, metrics, ts_ms: Date.now() });
}

// The work: what this agent is for.
async function ask(url, timeoutMs) {
  const begin = performance.now();
  try {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]);
    const answer = await fetch(url, { signal, redirect: "follow" });
    await answer.arrayBuffer();
    return { url, good: answer.status < 400, what: `status ${answer.status}`, ms: performance.now() - begin };
  } catch (error) {
    return { url, good: false, what: error.cause?.code ?? error.name };
  }
}

// An alert is sent when it begins and when it is over, not in every round.
const firing = new Set();
function judge({ url, good, what }) {
  if (good === !firing.has(url)) return;
  if (good) firing.delete(url);
  else firing.add(url);
  const state = good ? "resolved" : "firing";
  send("alert", { key: `url/${url}`, severity: "warning", state, message: `${url}: ${what}` });
}

async function round(urls, timeoutMs) {
  const answers = await Promise.all(urls.map((url) => ask(url, timeoutMs)));
  if (stopping.signal.aborted) return;
  answers.forEach(judge);
  const bad = answers.filter((answer) => !answer.good);
  const slowest = Math.max(...answers.filter((answer) => answer.good).map((answer) => answer.ms));
  const metrics = { urls_good: answers.length - bad.length, urls_bad: bad.length };
  if (Number.isFinite(slowest)) metrics.slowest_ms = slowest;
  const message = bad.length ? bad.map((answer) => `${answer.url}: ${answer.what}`).join(", ") : `${answers.length} answer`;
  heartbeat(bad.length ? "degraded" : "ok", message, metrics);
}

send("hello", { protocol: 1, name: "url-watcher" });
const pause = (ms) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {});
const greeting = supervised ? await Promise.race([hello, pause(30_000)]) : undefined;
const config = greeting?.config ?? {};
const urls = config.urls ?? (process.env.WATCHED_URLS ?? "http://127.0.0.1:8420/").split(/[ ,]+/).filter(Boolean);
const intervalMs = 1000 * Number(config.interval_seconds ?? process.env.INTERVAL_SECONDS ?? 10);
while (!stopping.signal.aborted) {
  await round(urls, 5_000);
  await pause(intervalMs);
}
send("stopping", { reason: "asked to stop" });
// An open stdin would keep the process.
process.exit(0);
