// Draws faces over a picture, in its own pixels, each with its number and score.
const SVG = "http://www.w3.org/2000/svg";

export function drawBoxes(boxes, faces, height_px) {
  const text_px = Math.max(12, height_px / 32);
  boxes.replaceChildren(
    ...faces.map((face) => {
      const [x, y, w, h] = face.box_px;
      const group = document.createElementNS(SVG, "g");
      group.setAttribute("class", `${face.look}${face.between ? " between" : ""}`);
      group.dataset.track = face.track;
      const box = document.createElementNS(SVG, "rect");
      for (const [name, value] of Object.entries({ x, y, width: w, height: h })) box.setAttribute(name, value);
      const label = document.createElementNS(SVG, "text");
      label.setAttribute("x", x);
      label.setAttribute("y", y > text_px * 1.4 ? y - text_px * 0.4 : y + h + text_px * 1.1);
      label.style.fontSize = `${text_px}px`;
      label.style.strokeWidth = `${text_px / 4}px`;
      label.textContent = `${face.track + 1} · ${face.score.toFixed(3)}`;
      group.append(box, label);
      return group;
    }),
  );
}
