// Draws the faces over the picture in step with the video, and lets the timeline and the evidence seek.
import { drawBoxes } from "./boxes.js";

// So near to a sampled frame its own boxes are shown, to the pixel.
const AT_S = 0.05;
// Between frames further apart than this, where a face went in between is anybody's guess.
const FAR_S = 4;

export function facesAt(frames, t_s) {
  let after = frames.findIndex((frame) => frame.t_s > t_s);
  if (after === -1) after = frames.length;
  const left = frames[after - 1];
  const right = frames[after];
  const near = !left || (right && right.t_s - t_s < t_s - left.t_s) ? right : left;
  if (!near) return [];
  if (Math.abs(near.t_s - t_s) <= AT_S) return near.faces.map((face) => ({ ...face, between: false }));
  const gap = left && right ? right.t_s - left.t_s : spacing(frames);
  if (left && right && gap <= FAR_S) {
    const share = (t_s - left.t_s) / gap;
    const both = left.faces.flatMap((face) => {
      const other = right.faces.find((one) => one.track === face.track);
      if (!other) return [];
      const own = near === left ? face : other;
      return [{ ...own, box_px: face.box_px.map((edge, i) => edge + (other.box_px[i] - edge) * share), between: true }];
    });
    const met = new Set(both.map((face) => face.track));
    return [...both, ...near.faces.filter((face) => !met.has(face.track)).map((face) => ({ ...face, between: true }))];
  }
  return Math.abs(near.t_s - t_s) <= gap / 2 + AT_S ? near.faces.map((face) => ({ ...face, between: true })) : [];
}

function spacing(frames) {
  return frames.length < 2 ? 1 : (frames.at(-1).t_s - frames[0].t_s) / (frames.length - 1);
}

export function position(t_s) {
  const minutes = Math.floor(t_s / 60);
  return `${minutes}:${(t_s - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

function startPlayer(card) {
  const video = card.querySelector("video");
  const boxes = card.querySelector("[data-boxes]");
  const timeline = card.querySelector("[data-timeline]");
  const source = card.querySelector("[data-stage]");
  const stage = source ? JSON.parse(source.textContent) : { frames: [] };
  const head = card.querySelector("[data-head]");
  const now = card.querySelector("[data-now]");
  let shown = 0;

  function show(t_s) {
    shown = t_s;
    drawBoxes(boxes, facesAt(stage.frames, t_s), stage.height_px ?? 720);
    if (!timeline) return;
    const x = Math.min(1, t_s / timeline.dataset.duration) * 1000;
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
    now.textContent = position(t_s);
    // Above the line, as far as the card's edges let it.
    const { left, width } = timeline.getBoundingClientRect();
    const half = now.offsetWidth / 2;
    const edge = left - timeline.parentElement.getBoundingClientRect().left;
    now.style.left = `${edge + Math.max(half, Math.min(width - half, (x / 1000) * width)) - half}px`;
    timeline.setAttribute("aria-valuenow", t_s.toFixed(2));
    timeline.setAttribute("aria-valuetext", position(t_s));
  }

  function seek(t_s) {
    const kept = Math.max(0, Math.min(t_s, stage.duration_s ?? t_s));
    if (video.hidden || video.readyState === 0) {
      show(kept);
      video.dataset.wanted = kept;
    } else video.currentTime = kept;
  }

  function follow() {
    // The picture's own time where the browser tells it: the clock may be a frame ahead of what is seen.
    if ("requestVideoFrameCallback" in video) {
      const step = (_, frame) => {
        show(frame.mediaTime);
        video.requestVideoFrameCallback(step);
      };
      video.requestVideoFrameCallback(step);
    }
    for (const name of ["seeked", "timeupdate", "loadeddata"]) video.addEventListener(name, () => video.paused && show(video.currentTime));
  }

  video.addEventListener("loadedmetadata", () => {
    if (!boxes.hasAttribute("viewBox")) boxes.setAttribute("viewBox", `0 0 ${video.videoWidth} ${video.videoHeight}`);
    if (!video.videoWidth) fail();
    else if (video.dataset.wanted) video.currentTime = Number(video.dataset.wanted);
  });
  function fail() {
    video.hidden = true;
    boxes.setAttribute("hidden", "");
    card.querySelector("[data-cannot-play]").hidden = false;
    card.dispatchEvent(new CustomEvent("cannotplay"));
  }
  video.addEventListener("error", fail);
  if (video.error) fail();
  follow();

  timeline?.addEventListener("pointerdown", (event) => {
    const place = timeline.getBoundingClientRect();
    const move = (one) => seek(((one.clientX - place.left) / place.width) * timeline.dataset.duration);
    timeline.setPointerCapture(event.pointerId);
    timeline.onpointermove = move;
    timeline.onpointerup = timeline.onpointercancel = () => (timeline.onpointermove = null);
    move(event);
  });
  timeline?.addEventListener("keydown", (event) => {
    const times = stage.frames.map((frame) => frame.t_s);
    const next = {
      ArrowRight: times.find((t_s) => t_s > shown + 0.02),
      ArrowLeft: times.findLast((t_s) => t_s < shown - 0.02),
      Home: 0,
      End: times.at(-1),
    }[event.key];
    if (event.key === " " || event.key === "Enter") video.paused ? video.play() : video.pause();
    else if (next === undefined) return;
    else seek(next);
    event.preventDefault();
  });
  for (const button of document.querySelectorAll("[data-seek]")) {
    button.addEventListener("click", () => {
      seek(Number(button.dataset.seek));
      card.scrollIntoView({ block: "nearest" });
    });
  }
  if (timeline) new ResizeObserver(() => show(shown)).observe(timeline);
  show(0);
}

for (const card of document.querySelectorAll("[data-player]")) startPlayer(card);
