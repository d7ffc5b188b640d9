// What the latest pictures of a camera came to: the score in large, its verdict, and a column for each picture.
import { text } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

export function showVerdict(score, verdict) {
  const words = document.querySelector("[data-live-verdict]");
  const said = document.querySelector("[data-live-said]");
  const name = score === null ? text("no_face") : text(verdict);
  // Screen readers hear changes alone, not each picture.
  if (said.textContent !== name) said.textContent = name;
  if (score === null) {
    words.textContent = name;
    return;
  }
  const figure = document.createElement("span");
  figure.className = "score";
  figure.textContent = score.toFixed(3);
  const badge = document.createElement("span");
  badge.className = `badge ${verdict}`;
  badge.textContent = name;
  words.replaceChildren(figure, badge);
}

export function showRate(per_s) {
  document.querySelector("[data-live-rate]").textContent = text("live_rate", { rate: per_s.toFixed(1) });
}

export function drawScores(pictures) {
  document.querySelector("[data-live-scores]").replaceChildren(
    ...pictures.map(({ score, look }, place) => {
      const column = document.createElementNS(SVG, "rect");
      const height = score === null ? 2 : Math.max(2, score * 98);
      for (const [name, value] of Object.entries({ x: place * 10 + 1, y: 100 - height, width: 8, height })) column.setAttribute(name, value);
      column.setAttribute("class", `f-${look ?? "idle"}`);
      return column;
    }),
  );
}
