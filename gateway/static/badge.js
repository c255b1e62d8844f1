// <script type="module" src="https://gateway.example/badge.js"></script>
// <stock-badge sku="A-100"></stock-badge>
//
// Attributes: sku; channel and locale (else the page's language decides); gateway (else where this
// file came from). All badges of a page share one request, which is asked again every few seconds
// while the page is seen. Without an answer a badge shows nothing, or for some minutes the last one.
// Style with ::part(badge), ::part(symbol), ::part(label), with --stock-badge-green, -yellow, -red,
// -grey, and by data-status, data-level, data-color. Every change is an event, `stock-change`.

const HOME = new URL(".", import.meta.url).href;
const ASK_EVERY = 4_000;
const ASK_AT_MOST_EVERY = 60_000; // when the gateway is away: 4, 8, 16, … 60 s
const PATIENCE = 8_000;
const KEEP_FOR = 5 * 60_000;
const MOST_SKUS = 100;
const MOST_CHARACTERS = 6_000; // of an address: servers and proxies refuse longer ones

const SYMBOLS = {
  in_stock: "M4.6 8.3l2.4 2.4 4.4-5",
  limited_availability: "M8 4.2v4.6M8 11.3v.4",
  backorder: "M4.5 8h7M8.7 5.2L11.5 8l-2.8 2.8",
  preorder: "M8 4.3V8l2.5 1.7",
  out_of_stock: "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2",
  discontinued: "M4.6 8h6.8",
  on_request: "M6.2 6.3a1.9 1.9 0 1 1 2.6 1.8q-.8.4-.8 1.2M8 11.4v.3",
};
const COLORS = ["green", "yellow", "red", "grey"];

const style = new CSSStyleSheet();
style.replaceSync(`
  :host { display: none; --_color: var(--stock-badge-grey, #59636e); }
  :host([data-status]) { display: inline-flex; }
  :host([data-color="green"]) { --_color: var(--stock-badge-green, #1a7f37); }
  :host([data-color="yellow"]) { --_color: var(--stock-badge-yellow, #9a6700); }
  :host([data-color="red"]) { --_color: var(--stock-badge-red, #c21c2c); }
  [part="badge"] { display: inline-flex; align-items: center; gap: 0.4em; }
  [part="symbol"] { width: 1.1em; height: 1.1em; flex: none; }
  circle { fill: var(--_color); }
  path { fill: none; stroke: #fff; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }
  @media (forced-colors: active) { circle { fill: CanvasText; } path { stroke: Canvas; } }
`);
const still = matchMedia("(prefers-reduced-motion: reduce)");

// The badges that ask one gateway with the same parameters.
class Board {
  badges = new Map(); // sku → Set of badges
  answers = new Map(); // sku → { item, at }
  wanted = new Set(); // never asked yet
  refused = new Set(); // no gateway takes them for a SKU
  failures = 0;
  asking = false;
  timer = 0;

  constructor(gateway, channel, locale, language) {
    this.address = new URL("v1/stock", gateway).href;
    this.fixed = new URLSearchParams();
    if (channel) this.fixed.set("channel", channel);
    if (locale) this.fixed.set("locale", locale);
    this.headers = !locale && language ? { "Accept-Language": language } : {};
  }

  join(badge, sku) {
    if (!this.badges.has(sku)) this.badges.set(sku, new Set());
    this.badges.get(sku).add(badge);
    const known = this.answers.get(sku);
    if (known) badge.show(known.item);
    else if (!this.refused.has(sku)) this.wanted.add(sku);
    this.plan(this.wanted.size ? 0 : ASK_EVERY);
  }

  leave(badge, sku) {
    const here = this.badges.get(sku);
    if (!here?.delete(badge) || here.size) return;
    for (const kept of [this.badges, this.answers, this.wanted]) kept.delete(sku);
  }

  plan(delay) {
    if (this.asking) return; // ask() plans when it is done
    const due = performance.now() + delay;
    if (this.timer && this.due <= due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => this.ask(), delay);
  }

  async ask() {
    this.timer = 0;
    if (document.hidden || !this.badges.size) return;
    this.asking = true;
    const skus = [...(this.wanted.size ? this.wanted : this.badges.keys())];
    this.wanted.clear();
    const parts = this.split(skus.filter((sku) => !this.refused.has(sku)));
    const done = await Promise.all(parts.map((part) => this.fetch(part)));
    this.failures = done.every(Boolean) ? 0 : this.failures + 1;
    this.forget();
    this.asking = false;
    const pause = Math.min(ASK_EVERY * 2 ** this.failures, ASK_AT_MOST_EVERY);
    this.plan(this.wanted.size && !this.failures ? 0 : pause * (0.9 + 0.2 * Math.random()));
  }

  split(skus) {
    const parts = [];
    let length = Infinity;
    for (const sku of skus) {
      const more = encodeURIComponent(sku).length + 5;
      if (length + more > MOST_CHARACTERS || parts.at(-1).length >= MOST_SKUS) {
        parts.push([]);
        length = 0;
      }
      parts.at(-1).push(sku);
      length += more;
    }
    return parts;
  }

  // True when the gateway answered; `no-cache` lets the browser ask with the ETag it has.
  async fetch(skus) {
    const query = new URLSearchParams([...this.fixed, ...skus.map((sku) => ["sku", sku])]);
    try {
      const response = await fetch(`${this.address}?${query}`, {
        cache: "no-cache",
        credentials: "omit",
        headers: this.headers,
        signal: AbortSignal.timeout(PATIENCE),
      });
      if (response.status === 400) return await this.narrow(skus, await response.json());
      if (!response.ok && response.status !== 404) return false;
      const { items } = await response.json();
      skus.forEach((sku, place) => this.answer(sku, items?.[place])); // 404: none is known
      return true;
    } catch {
      return false;
    }
  }

  // The gateway names what is no SKU by its place; the others are asked for again without it.
  async narrow(skus, { errors = [] }) {
    const places = errors.map(({ field }) => /^sku\[(\d+)\]$/.exec(field)?.[1]).filter(Boolean);
    const wrong = new Set(places.map((place) => skus[place]));
    const rest = skus.filter((sku) => !wrong.has(sku));
    wrong.forEach((sku) => {
      this.refused.add(sku);
      this.answer(sku, null);
    });
    if (wrong.size && rest.length) return this.fetch(rest);
    rest.forEach((sku) => this.answer(sku, null)); // an attribute is wrong, not a SKU
    return true;
  }

  answer(sku, item) {
    const right = item?.sku === sku && typeof item.label === "string" && COLORS.includes(item.color);
    const shown = right && Object.hasOwn(SYMBOLS, item.status) ? item : null;
    this.answers.set(sku, { item: shown, at: Date.now() });
    this.badges.get(sku)?.forEach((badge) => badge.show(shown));
  }

  // Rather nothing than something old.
  forget() {
    for (const [sku, { at }] of this.answers) {
      if (Date.now() - at <= KEEP_FOR) continue;
      this.answers.delete(sku);
      this.badges.get(sku)?.forEach((badge) => badge.show(null));
    }
  }
}

const boards = new Map();

function boardFor(badge) {
  const gateway = new URL(badge.getAttribute("gateway") || HOME, document.baseURI).href;
  const channel = badge.getAttribute("channel");
  const locale = badge.getAttribute("locale");
  const language = badge.closest("[lang]")?.lang.replace(/[^A-Za-z0-9-]/g, "");
  const key = JSON.stringify([gateway, channel, locale, language]);
  if (!boards.has(key)) boards.set(key, new Board(gateway, channel, locale, language));
  return boards.get(key);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) boards.forEach((board) => board.plan(0));
});

class StockBadge extends HTMLElement {
  static observedAttributes = ["sku", "channel", "locale", "gateway"];
  #item = null;
  #board;
  #sku;
  #path;
  #label;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    root.innerHTML =
      '<span part="badge"><svg part="symbol" viewBox="0 0 16 16" aria-hidden="true">' +
      '<circle cx="8" cy="8" r="8"/><path/></svg><span part="label"></span></span>';
    this.#path = root.querySelector("path");
    this.#label = root.querySelector('[part="label"]');
  }

  // The answer that is shown (a public stock item), or null.
  get item() {
    return this.#item;
  }

  connectedCallback() {
    this.#rejoin();
  }

  disconnectedCallback() {
    this.#board?.leave(this, this.#sku);
    this.#board = undefined;
  }

  attributeChangedCallback(name, before, now) {
    if (!this.isConnected || before === now) return;
    if (name === "sku") this.show(null);
    this.#rejoin();
  }

  #rejoin() {
    this.#board?.leave(this, this.#sku);
    this.#board = undefined;
    this.#sku = this.getAttribute("sku");
    if (!this.#sku) return;
    this.#board = boardFor(this);
    this.#board.join(this, this.#sku);
  }

  show(item) {
    const before = this.#item;
    const same = ["label", "status", "span", "delivery", "freshness"].every(
      (name) => JSON.stringify(item?.[name]) === JSON.stringify(before?.[name]),
    );
    this.#item = item;
    if (same) return;
    for (const name of ["status", "level", "color"]) {
      if (item) this.dataset[name] = item[name];
      else delete this.dataset[name];
    }
    this.#path.setAttribute("d", item ? SYMBOLS[item.status] : "");
    if (this.#label.textContent !== (item?.label ?? "")) {
      this.#label.textContent = item?.label ?? "";
      // Read out when it changes, not when the page comes up.
      if (item) setTimeout(() => this.#label.setAttribute("aria-live", "polite"));
      if (before && !still.matches) this.animate({ opacity: [0.2, 1] }, 700);
    }
    this.dispatchEvent(new CustomEvent("stock-change", { detail: item, bubbles: true }));
  }
}

if (!customElements.get("stock-badge")) customElements.define("stock-badge", StockBadge);
