// Sends videos in pieces, and goes on after a break; has pictures judged at once.
import { judgeFile, startPictures } from "./pictures.js";
import { ask, complaint, text } from "./words.js";

const PIECE_BYTES = 8 * 1024 * 1024;
const AT_ONCE = 2;
const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 30;
const MOST_BREAKS = 12;

const line = [];
let underWay = 0;

export function startUploads() {
  startPictures();
  const zone = document.querySelector("[data-drop]");
  if (!zone) return;
  const input = zone.querySelector("[data-drop-files]");
  input.addEventListener("change", () => {
    takeFiles(input.files, zone);
    input.value = "";
  });
  const stop = (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return false;
    event.preventDefault();
    return true;
  };
  document.addEventListener("dragover", (event) => stop(event) && zone.classList.add("is-over"));
  document.addEventListener("dragleave", (event) => !event.relatedTarget && zone.classList.remove("is-over"));
  document.addEventListener("drop", (event) => {
    if (!stop(event)) return;
    zone.classList.remove("is-over");
    takeFiles(event.dataTransfer.files, zone);
  });
}

function takeFiles(files, zone) {
  for (const file of files) {
    if (file.type.startsWith("image/")) judgeFile(file);
    else line.push({ file, row: addRow(file, zone) });
  }
  next();
}

function addRow(file, zone) {
  const row = document.createElement("li");
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = file.name;
  const state = document.createElement("span");
  state.className = "small muted num";
  state.textContent = text("waiting");
  const bar = document.createElement("progress");
  bar.max = Math.max(1, file.size);
  bar.value = 0;
  bar.setAttribute("aria-label", file.name);
  row.append(name, state, bar);
  zone.querySelector("[data-uploads]").append(row);
  return { row, state, bar };
}

async function next() {
  while (underWay < AT_ONCE && line.length) {
    underWay += 1;
    const { file, row } = line.shift();
    send(file, row).finally(() => {
      underWay -= 1;
      next();
    });
  }
}

async function send(file, { row, state, bar }) {
  // What was begun before is asked for by name, size and date, so that a closed page goes on too.
  const key = `upload ${file.name} ${file.size} ${file.lastModified}`;
  let breaks = 0;
  let upload = null;
  for (;;) {
    try {
      upload ??= await begin(file, key);
      while (upload.batch_id === null) {
        bar.value = upload.offset;
        state.textContent = `${Math.floor((upload.offset / Math.max(1, file.size)) * 100)} %`;
        upload = await sendPiece(file, upload);
        breaks = 0;
      }
      break;
    } catch (error) {
      breaks += 1;
      if (error.isFinal || breaks > MOST_BREAKS) {
        state.textContent = text("gave_up", { why: error.message });
        state.classList.add("bad");
        return;
      }
      const seconds = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (breaks - 1));
      state.textContent = text("resuming", { seconds });
      await new Promise((done) => setTimeout(done, seconds * 1000));
      // How much came, the server knows.
      upload = null;
    }
  }
  forget(key);
  bar.value = bar.max;
  const link = document.createElement("a");
  link.href = `/batches/${upload.batch_id}`;
  link.textContent = text("open_batch");
  state.replaceChildren(link);
  row.dataset.batch = upload.batch_id;
}

async function begin(file, key) {
  const known = remembered(key);
  if (known) {
    const answer = await ask(`/api/v1/uploads/${known}`);
    if (answer.ok) return answer.json();
    forget(key);
  }
  const answer = await ask("/api/v1/uploads", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: file.name, size_bytes: file.size }),
  });
  const upload = await read(answer);
  remember(key, upload.id);
  return upload;
}

async function sendPiece(file, upload) {
  const whole = upload.offset >= file.size;
  const answer = whole
    ? await ask(`/api/v1/uploads/${upload.id}/complete`, { method: "POST" })
    : await ask(`/api/v1/uploads/${upload.id}`, {
        method: "PATCH",
        headers: { "content-type": "application/octet-stream", "upload-offset": String(upload.offset) },
        body: file.slice(upload.offset, upload.offset + Math.min(PIECE_BYTES, upload.chunk_limit_bytes ?? PIECE_BYTES)),
      });
  return read(answer);
}

async function read(answer) {
  if (answer.ok) return answer.json();
  const error = new Error(await complaint(answer));
  // Another offset, too many requests, or a server that starts again: worth another try.
  error.isFinal = answer.status < 500 && ![408, 409, 429].includes(answer.status);
  throw error;
}

function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, id) {
  try {
    localStorage.setItem(key, id);
  } catch {
    // Then a closed page begins anew.
  }
}

function forget(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // Nothing was kept.
  }
}
