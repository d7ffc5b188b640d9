"use strict";
// Sorts and filters the table, and draws a video's evidence when it is opened. Texts are only ever set as text.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const ORDER = ["fake", "uncertain", "real", "quarantined", "failed", "unreadable", "cancelled", "running", "queued", "no_face"];
  const page = JSON.parse(document.getElementById("page").textContent);
  const table = document.getElementById("videos");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const more = document.getElementById("more");
  // Laid out at once, ten thousand rows take a browser seconds; so many take none.
  const STEP = 500;
  let order = rows;
  let most = STEP;
  const shown = document.getElementById("shown");
  document.documentElement.className = "js";

  const make = (name, attributes = {}, ...inside) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  };
  const draw = (name, attributes, ...inside) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  };
  const score = (value) => (value === null ? "\u2013" : value.toFixed(3));
  const moment = (t) => `${Math.floor(t / 60)}:${(t % 60).toFixed(2).padStart(5, "0")}`;
  const verdict = (value) =>
    value === null ? "none" : value >= page.fake_from ? "fake" : value < page.real_below ? "real" : "uncertain";

  const keys = {
    verdict: (row) => ORDER.indexOf(row.dataset.v) * 2 - Number(row.dataset.s || 0),
    score: (row) => (row.dataset.s ? Number(row.dataset.s) : -1),
    faces: (row) => Number(row.dataset.f || -1),
    length: (row) => Number(row.dataset.l || -1),
    video: (row) => row.cells[4].textContent,
    note: (row) => row.cells[5].textContent,
    review: (row) => row.cells[6].textContent,
  };
  const sort = (name, isDown) => {
    const keyed = rows.map((row) => [keys[name](row), row]);
    keyed.sort(([a], [b]) => (typeof a === "string" ? a.localeCompare(b) : a - b) * (isDown ? -1 : 1));
    const fragment = document.createDocumentFragment();
    order = keyed.map(([, row]) => row);
    for (const row of order) {
      fragment.append(row);
      if (row.detail) fragment.append(row.detail);
    }
    filter();
    body.append(fragment);
    for (const head of table.tHead.rows[0].cells) {
      if (head.dataset.key === name) head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  };
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head || !head.dataset.key) return;
    const was = head.getAttribute("aria-sort");
    sort(head.dataset.key, was ? was === "ascending" : ["score", "faces", "length"].includes(head.dataset.key));
  });

  const search = document.getElementById("search");
  const choice = document.getElementById("choice");
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    for (const row of order) {
      const isIn =
        (!choice.value || row.dataset.v === choice.value) &&
        (!wanted || row.textContent.toLowerCase().includes(wanted) || (row.dataset.h || "").startsWith(wanted));
      count += isIn;
      row.hidden = !isIn || count > most;
      if (row.detail) row.detail.hidden = row.hidden;
    }
    more.hidden = count <= most;
    shown.textContent = `${count} of ${rows.length}` + (count > most ? `, the first ${most} shown` : " shown");
  };
  const anew = () => {
    most = STEP;
    filter();
  };
  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(anew, 120); });
  choice.addEventListener("change", anew);
  more.addEventListener("click", () => {
    most += STEP;
    filter();
  });

  const stretches = (frames, end) => {
    const found = [];
    frames.forEach(([t, value], place) => {
      const from = place ? (frames[place - 1][0] + t) / 2 : 0;
      const to = place + 1 < frames.length ? (t + frames[place + 1][0]) / 2 : end;
      if (verdict(value) !== "fake") return;
      const last = found[found.length - 1];
      if (last && last[1] >= from) last[1] = to;
      else found.push([from, to]);
    });
    return found;
  };
  const timeline = (video) => {
    const frames = video.frames;
    const end = Math.max(video.facts.duration_s || 0, frames[frames.length - 1][0] + 0.001);
    const fakes = stretches(frames, end);
    const told = fakes.map(([from, to]) => `${moment(from)} to ${moment(to)}`).join(", ");
    const words = told ? `Looks fake in ${told}.` : "No stretch reaches the fake threshold by itself.";
    const svg = draw("svg", { class: "line", viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img", "aria-label": `Scores over time. ${words}` });
    for (const [from, to] of fakes)
      svg.append(draw("rect", { class: "fake", x: (from / end) * 1000, y: 0, width: ((to - from) / end) * 1000, height: 4 }));
    frames.forEach(([t, value], place) => {
      const from = place ? (frames[place - 1][0] + t) / 2 : 0;
      const to = place + 1 < frames.length ? (t + frames[place + 1][0]) / 2 : end;
      const height = value === null ? 2 : Math.max(value * 92, 1.5);
      const width = ((to - from) / end) * 1000;
      const title = draw("title", {}, `${moment(t)}: ${value === null ? "no face" : score(value)}`);
      svg.append(draw("rect", { class: verdict(value), x: (from / end) * 1000 + width * 0.06, y: 100 - height, width: width * 0.88, height }, title));
    });
    for (const limit of [page.fake_from, page.real_below])
      svg.append(draw("line", { class: "limit", x1: 0, x2: 1000, y1: 100 - limit * 92, y2: 100 - limit * 92 }));
    return make("div", {}, svg,
      make("div", { class: "axis" }, make("span", {}, "0:00"), make("span", {}, words), make("span", {}, moment(end))));
  };

  const face = (one, number) => {
    const alt = `Face ${number} at ${moment(one.t)}, person ${one.track}`;
    const pictures = make("div", { class: "pictures" }, make("img", { src: `data:image/jpeg;base64,${one.face}`, alt }));
    if (one.heat)
      pictures.append(make("div", { class: "heat" },
        make("img", { src: `data:image/jpeg;base64,${one.face}`, alt: "" }),
        make("img", { src: `data:image/png;base64,${one.heat}`, alt: `${alt}: what spoke for fake and for real` })));
    const [x, y, width, height] = one.box;
    pictures.append(draw("svg", { viewBox: `0 0 ${one.w} ${one.h}`, role: "img", "aria-label": `The frame at ${moment(one.t)} with the face marked` },
      draw("image", { href: `data:image/jpeg;base64,${one.frame}`, width: one.w, height: one.h, preserveAspectRatio: "none" }),
      draw("rect", { class: "box under", x, y, width, height }), draw("rect", { class: "box", x, y, width, height })));
    return make("li", {}, make("figure", {}, pictures, make("figcaption", {}, `${moment(one.t)} \u00b7 score ${score(one.score)} \u00b7 person ${one.track}`)));
  };

  const grid = (heads, lines) => {
    const made = make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)))));
    made.append(make("tbody", {}, ...lines.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))))));
    return make("div", { class: "scroll" }, made);
  };
  const detail = (video) => {
    const made = make("div");
    if (video.frames.length) made.append(make("h3", {}, "Scores over time"), timeline(video));
    if (video.faces.length) {
      made.append(make("h3", {}, "Highest faces"), make("ul", { class: "faces" }, ...video.faces.map((one, place) => face(one, place + 1))));
      if (video.faces.some((one) => one.heat))
        made.append(make("p", { class: "legend" }, make("span", {}, make("i", { class: "o" }), "spoke for fake"), make("span", {}, make("i", { class: "b" }), "spoke for real")));
    } else if (video.why) made.append(make("p", { class: "soft" }, video.why));
    const beside = make("div", { class: "columns" });
    if (video.tracks.length)
      beside.append(make("div", {}, make("h3", {}, "Persons"), grid(["person", "faces", "score", "would be"], video.tracks.map(([id, faces, value]) => [String(id), String(faces), score(value), verdict(value)]))));
    const facts = make("dl");
    for (const [name, value] of video.told) facts.append(make("dt", {}, name), make("dd", {}, value));
    beside.append(make("div", {}, make("h3", {}, "Facts"), facts));
    if (video.reviews.length)
      beside.append(make("div", {}, make("h3", {}, "Reviews"), grid(["label", "by", "note", "when"], video.reviews)));
    made.append(beside);
    if (video.frames.length) {
      const lines = video.frames.map(([t, value, faces]) => [moment(t), score(value), faces.map(([x, y, w, h, one, track]) => `person ${track}: ${score(one)}, ${w}\u00d7${h} at ${x},${y}`).join("; ") || "no face"]);
      made.append(make("details", {}, make("summary", {}, `All ${lines.length} frames`), grid(["time", "score", "faces (box in pixels)"], lines)));
    }
    return made;
  };
  const columns = () => [...rows[0].cells].filter((cell) => getComputedStyle(cell).display !== "none").length;
  addEventListener("resize", () => {
    for (const row of rows) if (row.detail) row.detail.cells[0].colSpan = columns();
  });
  const open = (row) => {
    const button = row.querySelector("button");
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) {
      row.detail.remove();
      row.detail = null;
      return;
    }
    const video = JSON.parse(document.getElementById(`d${row.dataset.n}`).textContent);
    row.detail = make("tr", { class: "open" }, make("td", { class: "detail", colspan: String(columns()) }, detail(video)));
    row.after(row.detail);
  };
  body.addEventListener("click", (event) => {
    const button = event.target.closest("th > button");
    if (button) open(button.closest("tr"));
  });

  // On paper nothing can be opened, so what has pictures is opened for it.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = rows.filter((row) => row.dataset.p && !row.detail && !row.hidden).slice(0, 50);
    opened.forEach(open);
  });
  addEventListener("afterprint", () => { opened.forEach(open); opened = []; });

  sort("verdict", false);
  if (rows.length === 1) open(rows[0]);
})();
