// Strings of the catalogue, messages for a moment, and requests that carry the page's token.
const strings = JSON.parse(document.body.dataset.strings || "{}");

export function text(name, values = {}) {
  return Object.entries(values).reduce((all, [key, value]) => all.replaceAll(`{${key}}`, value), strings[name] ?? name);
}

export function say(words, kind = "") {
  const toast = document.createElement("div");
  toast.className = `toast ${kind}`;
  toast.textContent = words;
  document.querySelector("[data-toasts]").append(toast);
  setTimeout(() => toast.remove(), kind === "bad" ? 12_000 : 5_000);
}

export function ask(address, { method = "GET", headers = {}, ...rest } = {}) {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  return fetch(address, { method, headers: { accept: "application/json", "x-csrf-token": token, ...headers }, ...rest });
}

export async function complaint(answer) {
  try {
    return (await answer.json()).detail ?? `${answer.status} ${answer.statusText}`;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}
