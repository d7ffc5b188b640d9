// Has a picture judged, and shows prediction, probability, heat map and the time that it took.
import { ask, complaint, say, text } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

export function startPictures() {
  judgeKept();
  for (const button of document.querySelectorAll("[data-example]")) {
    button.addEventListener("click", async () => judge(await (await fetch(button.dataset.example)).blob()));
  }
  const form = document.querySelector("[data-generate]");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const area = begin(text("drawing"));
    const button = form.querySelector("button");
    button.disabled = true;
    const answer = await ask("/api/v1/pictures/generate", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: form.elements.prompt.value }),
    }).finally(() => (button.disabled = false));
    if (!answer.ok) return fail(area, await complaint(answer));
    const judged = await answer.json();
    show(area, judged, judged.picture);
  });
}

export function judgeFile(file) {
  if (document.querySelector("[data-picture]")) judge(file);
  // The overview has no room for the answer: the upload page shows it.
  else keepFor(file);
}

async function keepFor(file) {
  try {
    const cache = await caches.open("pictures");
    await cache.put("/kept-picture", new Response(file));
    location.href = "/upload#kept";
  } catch {
    location.href = "/upload";
  }
}

async function judgeKept() {
  if (location.hash !== "#kept") return;
  history.replaceState(null, "", "/upload");
  const cache = await caches.open("pictures");
  const kept = await cache.match("/kept-picture");
  await cache.delete("/kept-picture");
  if (kept) judge(await kept.blob());
}

function begin(words) {
  const card = document.querySelector("[data-picture]");
  card.hidden = false;
  card.querySelector("[data-took]").textContent = words;
  card.querySelector("[data-answer]").replaceChildren();
  card.scrollIntoView({ block: "nearest" });
  return card;
}

function fail(card, why) {
  card.querySelector("[data-took]").textContent = "";
  const words = document.createElement("p");
  words.textContent = why;
  card.querySelector("[data-answer]").replaceChildren(words);
  say(why, "bad");
}

async function judge(blob) {
  const card = begin(text("judging"));
  const answer = await ask("/api/v1/pictures", { method: "POST", headers: { "content-type": blob.type || "application/octet-stream" }, body: blob });
  if (!answer.ok) return fail(card, await complaint(answer));
  show(card, await answer.json(), URL.createObjectURL(blob));
}

function show(card, judged, address) {
  const { image } = judged;
  card.querySelector("[data-took]").textContent = text("took", { seconds: judged.seconds.toFixed(2) });
  const parts = [facts(image), picture(image, address)];
  if (image.heat_map) parts.push(heat(image.heat_map));
  card.querySelector("[data-answer]").replaceChildren(...parts);
  card.dataset.verdict = image.verdict ?? image.state;
}

function facts(image) {
  const side = document.createElement("div");
  if (image.state !== "judged") {
    side.textContent = image.state === "no_face" ? text("no_face") : text("unreadable", { why: image.detail ?? image.reason });
    return side;
  }
  const score = document.createElement("p");
  score.className = "verdict-line";
  const figure = document.createElement("span");
  figure.className = "score";
  figure.textContent = image.score.toFixed(3);
  const badge = document.createElement("span");
  badge.className = `badge ${image.verdict}`;
  badge.textContent = text(image.verdict);
  score.append(figure, badge);
  const faces = document.createElement("p");
  faces.className = "small muted";
  faces.textContent = `${text("faces")}: ${image.faces.map((face) => face.score.toFixed(3)).join(", ")}`;
  side.append(score, faces);
  return side;
}

function picture(image, address) {
  const shown = document.createElement("div");
  shown.className = "shown";
  const img = document.createElement("img");
  img.src = address;
  img.alt = text("picture_alt");
  shown.append(img);
  if (image.width_px) {
    const boxes = document.createElementNS(SVG, "svg");
    boxes.setAttribute("class", "boxes");
    boxes.setAttribute("viewBox", `0 0 ${image.width_px} ${image.height_px}`);
    boxes.setAttribute("aria-hidden", "true");
    for (const face of image.faces) {
      const group = document.createElementNS(SVG, "g");
      group.setAttribute("class", image.verdict ?? "");
      const box = document.createElementNS(SVG, "rect");
      const [x, y, width, height] = face.box_px;
      for (const [name, value] of Object.entries({ x, y, width, height })) box.setAttribute(name, value);
      group.append(box);
      boxes.append(group);
    }
    shown.append(boxes);
  }
  return shown;
}

function heat(address) {
  const img = document.createElement("img");
  img.src = address;
  img.alt = text("heat_alt");
  return img;
}
