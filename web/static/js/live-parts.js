// Keeps the parts of a page that are marked data-live up to date: an event says that something changed, and the page
// itself is asked for anew, so that there is one way of drawing it.
const REST_MS = 2000;
const KINDS = ["queue", "batches", "workers", "verdict"];

export function startLive(afterwards) {
  const parts = document.querySelectorAll("[data-live]");
  const state = document.querySelector("[data-live-state]");
  if (!parts.length || !state) return;
  state.hidden = false;
  let isDue = false;
  let isBusy = false;

  async function refresh() {
    if (isBusy || document.hidden) {
      isDue = true;
      return;
    }
    isBusy = true;
    isDue = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) replaceParts(await answer.text(), afterwards);
    } catch {
      state.dataset.state = "lost";
    }
    setTimeout(() => {
      isBusy = false;
      if (isDue) refresh();
    }, REST_MS);
  }

  const events = new EventSource("/api/v1/events");
  events.onopen = () => (state.dataset.state = "live");
  events.onerror = () => (state.dataset.state = "lost");
  for (const kind of KINDS) events.addEventListener(kind, refresh);
  document.addEventListener("visibilitychange", () => !document.hidden && isDue && refresh());
  addEventListener("pagehide", () => events.close());
}

function replaceParts(page, afterwards) {
  const fresh = new DOMParser().parseFromString(page, "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    // A part in which somebody types or opened a menu is left alone.
    if (!other || part.contains(document.activeElement) || part.innerHTML === other.innerHTML) continue;
    const current = part.querySelector("tr.is-current")?.dataset.href;
    part.replaceChildren(...other.childNodes);
    if (current) part.querySelector(`tr[data-href="${CSS.escape(current)}"]`)?.classList.add("is-current");
    afterwards(part);
  }
  if (!fresh.querySelector("[data-refreshes]") && document.querySelector("[data-refreshes]")) location.reload();
}
