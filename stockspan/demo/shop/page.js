// Small things every part of the page needs: finding, making and filling elements, asking the server.

export const $ = (selector, root = document) => root.querySelector(selector);

export function element(tag, words, className) {
  const made = document.createElement(tag);
  made.textContent = words;
  if (className) made.className = className;
  return made;
}

// Leaves alone what says it already, so that neither focus nor a reader is disturbed.
export function say(part, words) {
  if (part.textContent !== words) part.textContent = words;
}

// Status 0: nobody answered.
export async function send(address, body) {
  const more = body && {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const response = await fetch(address, more).catch(() => null);
  const answer = await response?.json().catch(() => null);
  return { status: response?.status ?? 0, body: answer ?? null };
}

let fading = 0;
export function toast(words) {
  const shown = $("#toast");
  shown.textContent = words;
  shown.classList.add("shown");
  // In front of a dialog that is open, which hides all that is not in its own layer.
  if (shown.showPopover) {
    if (shown.matches(":popover-open")) shown.hidePopover();
    shown.showPopover();
  }
  clearTimeout(fading);
  fading = setTimeout(() => {
    shown.classList.remove("shown");
    shown.hidePopover?.();
  }, 2_600);
}
