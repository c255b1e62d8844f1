// What somebody wants to buy, before anything is held. It outlives a reload of the page.

const KEPT_AS = "basket";

const lines = new Map(restored().map((line) => [line.article.sku, line]));
const changes = new EventTarget();

export const basket = {
  // [{ article: { sku, name, unit, step, group }, amount }], in the order they came.
  get lines() {
    return [...lines.values()];
  },
  put({ sku, name, unit, step, group }, amount) {
    const before = lines.get(sku)?.amount ?? 0;
    set({ sku, name, unit, step, group }, before + amount);
  },
  change: (sku, amount) => set(lines.get(sku).article, amount),
  drop(sku) {
    lines.delete(sku);
    changed();
  },
  clear() {
    lines.clear();
    changed();
  },
  onChange: (heard) => changes.addEventListener("change", heard),
};

function set(article, amount) {
  lines.set(article.sku, { article, amount: Math.round(amount * 1_000) / 1_000 });
  changed();
}

function changed() {
  sessionStorage.setItem(KEPT_AS, JSON.stringify(basket.lines));
  changes.dispatchEvent(new Event("change"));
}

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "[]");
  } catch {
    return [];
  }
}
