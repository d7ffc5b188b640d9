// Watches a camera or stream of the server: the picture comes by itself, the figures are asked for once a second.
// What breaks off is begun again; a page that nobody sees lets go of the source.
import { drawScores, showRate, showVerdict } from "./live-now.js";
import { text } from "./words.js";

const LOOK_EVERY_MS = 1000;
const REST_MS = [2000, 60_000];
// A stream lasts for ten minutes; a new one takes its place before that.
const RENEW_MS = 540_000;
const STREAM_BEGINS_WITHIN_MS = 5000;

const card = document.querySelector("[data-live-source]");
const view = card.querySelector("[data-live-view]");
const words = card.querySelector("[data-live-words]");
const badge = document.querySelector("[data-live-badge]");
const place = `/api/v1/live/${card.dataset.liveSource}`;
let began = performance.now();
let rest = REST_MS[0];
let isBroken = false;

view.addEventListener("error", () => (isBroken = Boolean(view.getAttribute("src"))));
document.addEventListener("visibilitychange", () => (document.hidden ? letGo() : begin()));
addEventListener("pagehide", letGo);
// The page itself names the picture, so that it comes without scripts too.
if (document.hidden) letGo();
watchOn();

async function watchOn() {
  if (!document.hidden) {
    const source = await state();
    show(source);
    if (isOver(source)) {
      await new Promise((done) => setTimeout(done, rest));
      rest = Math.min(REST_MS[1], rest * 2);
      if (!document.hidden) begin();
    } else if (performance.now() - began > RENEW_MS) begin();
  }
  setTimeout(watchOn, LOOK_EVERY_MS);
}

async function state() {
  try {
    const answer = await fetch(place, { headers: { accept: "application/json" } });
    if (answer.ok) return await answer.json();
    if (answer.status === 401) location.assign("/login");
    return { state: "ended", detail: `${answer.status} ${answer.statusText}`, now: null, recent: [] };
  } catch {
    return { state: "ended", detail: text("live_no_answer"), now: null, recent: [] };
  }
}

function isOver(source) {
  const isLate = performance.now() - began > STREAM_BEGINS_WITHIN_MS;
  return source.state === "ended" || isBroken || (source.state === "off" && isLate);
}

function begin() {
  began = performance.now();
  isBroken = false;
  view.src = `${place}/stream?at=${Math.round(began)}`;
}

function letGo() {
  view.removeAttribute("src");
}

function show(source) {
  const isRunning = source.state === "running";
  if (isRunning) rest = REST_MS[0];
  badge.textContent = text(`live_${source.state}`);
  badge.classList.toggle("running", isRunning);
  words.hidden = isRunning;
  view.hidden = !isRunning;
  words.querySelector("[data-live-title]").textContent = text(`live_${source.state}`);
  const next = source.state === "ended" ? text("live_again", { seconds: rest / 1000 }) : text("live_loading");
  words.querySelector("[data-live-detail]").textContent = source.detail ? `${source.detail}. ${next}` : next;
  drawScores(source.recent);
  if (!source.now) return;
  const { score, look, mean, verdict, per_s, faces, dropped } = source.now;
  showVerdict(score, look);
  showRate(per_s);
  const figures = { mean: mean === null ? "–" : `${mean.toFixed(3)} ${text(verdict)}`, faces, dropped, viewers: source.viewers };
  for (const [name, value] of Object.entries(figures)) document.querySelector(`[data-live-${name}]`).textContent = value;
}
