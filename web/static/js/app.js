// What every page does: theme, times, keys, confirmations, and the parts that are live.
import { startLive } from "./live-parts.js";
import { startUploads } from "./uploads.js";
import { say, text } from "./words.js";

const root = document.documentElement;

function startTheme() {
  const button = document.querySelector("[data-theme-toggle]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // It holds for this page.
    }
    say(text(isDark ? "theme_light" : "theme_dark"));
  });
}

const STEPS = [[60, "second"], [60, "minute"], [24, "hour"], [7, "day"], [4.35, "week"], [12, "month"], [Infinity, "year"]];

export function showTimes(within = document) {
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const element of within.querySelectorAll("time[data-ago]")) {
    const at = new Date(element.dateTime);
    let span = (at - Date.now()) / 1000;
    element.title = at.toLocaleString();
    for (const [size, unit] of STEPS) {
      if (Math.abs(span) < size) {
        element.textContent = relative.format(Math.round(span), unit);
        break;
      }
      span /= size;
    }
  }
}

function startConfirmations() {
  const dialog = document.querySelector("dialog[data-confirm]");
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.ask ?? form.dataset.ask;
    if (!question || form.dataset.answered) return;
    event.preventDefault();
    dialog.querySelector("p").textContent = question;
    const submitter = event.submitter;
    for (const button of dialog.querySelectorAll("button")) {
      button.onclick = () => {
        dialog.close();
        if (button.value !== "yes") return;
        form.dataset.answered = "yes";
        form.requestSubmit(submitter);
      };
    }
    dialog.showModal();
  });
}

function isTyping(target) {
  return target.closest("input, textarea, select, video, [role=slider], dialog[open]");
}

function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "/") {
      event.preventDefault();
      document.querySelector("#search")?.focus();
      return;
    }
    const rows = [...document.querySelectorAll("tr[data-href]")];
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.classList.contains("is-current"));
    if (event.key === "j" || event.key === "k") {
      const next = event.key === "j" ? Math.min(rows.length - 1, at + 1) : Math.max(0, at - 1);
      rows[at]?.classList.remove("is-current");
      rows[next].classList.add("is-current");
      rows[next].querySelector("a")?.focus();
    } else if (event.key === "Enter" && at >= 0 && event.target === document.body) {
      location.href = rows[at].dataset.href;
    }
  });
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-href]");
    if (row && !event.target.closest("a, button, input, label") && !getSelection().toString()) location.href = row.dataset.href;
  });
  for (const control of document.querySelectorAll("[data-submits]")) {
    control.addEventListener("change", () => control.form.requestSubmit());
  }
  for (const picture of document.querySelectorAll("img.face")) picture.addEventListener("error", () => picture.remove());
}

startTheme();
showTimes();
setInterval(showTimes, 20_000);
startConfirmations();
startKeys();
startLive(showTimes);
startUploads();
