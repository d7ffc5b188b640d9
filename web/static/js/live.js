// Judges the camera's picture again and again: the next one is sent when the last was answered, so no faster than the
// machine judges.
import { drawBoxes } from "./boxes.js";
import { drawScores, showRate, showVerdict } from "./live-now.js";
import { ask, complaint, say, text } from "./words.js";

const LONG_SIDE_PX = 640;
const QUALITY = 0.85;
const SHOWN = 60;
const REST_AFTER_ERROR_MS = 2000;

const card = document.querySelector("[data-camera]");
const video = card.querySelector("video");
const start = document.querySelector("[data-live-start]");
const stop = document.querySelector("[data-live-stop]");
const scores = [];
let stream = null;

start.addEventListener("click", async () => {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } }, audio: false });
  } catch (error) {
    say(text("no_camera", { why: error.message }), "bad");
    return;
  }
  video.srcObject = stream;
  video.hidden = false;
  card.querySelector("[data-camera-words]").hidden = true;
  await video.play();
  start.hidden = true;
  stop.hidden = false;
  stop.focus();
  while (stream) await judgeOnce();
});

stop.addEventListener("click", () => {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  video.hidden = true;
  card.querySelector("[data-boxes]").replaceChildren();
  card.querySelector("[data-camera-words]").hidden = false;
  start.hidden = false;
  stop.hidden = true;
  start.focus();
});

async function judgeOnce() {
  const began = performance.now();
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, LONG_SIDE_PX / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  try {
    const answer = await ask("/api/v1/pictures", { method: "POST", headers: { "content-type": "image/jpeg" }, body: blob });
    if (!answer.ok) throw new Error(await complaint(answer));
    const { image } = await answer.json();
    if (stream) show(image, canvas, performance.now() - began);
  } catch (error) {
    say(error.message, "bad");
    await new Promise((done) => setTimeout(done, REST_AFTER_ERROR_MS));
  }
}

function show(image, canvas, took_ms) {
  const boxes = card.querySelector("[data-boxes]");
  boxes.setAttribute("viewBox", `0 0 ${canvas.width} ${canvas.height}`);
  const faces = image.faces.map((face, number) => ({ ...face, track: number, look: image.verdict ?? "" }));
  drawBoxes(boxes, faces, canvas.height);
  showRate(1000 / took_ms);
  scores.push({ score: image.score, look: image.verdict });
  if (scores.length > SHOWN) scores.shift();
  drawScores(scores);
  showVerdict(image.score, image.verdict);
}
