// The price on each card. The shop's server asks the gateway: the key is there. Prices are asked again
// every few seconds, as the badges are.

import { asBuyer, who } from "./buyer.js";
import { $, send } from "./page.js";
import { explain, explainAgain } from "./why.js";
import { money, quantity, text } from "./words.js";

const ASK_EVERY = 4_000;
const MOST = 1e9;
const still = matchMedia("(prefers-reduced-motion: reduce)");

const cards = new Map(); // sku → { article, root, item }
const wanted = new Map(); // sku → quantity that was typed
let asked = 0;
let timer = 0;
let heard = () => {};

// `listen` is called when prices have been shown anew.
export const onPrices = (listen) => (heard = listen);

// The age of the prices shown, as a moment; that of the oldest counts.
export function pricesAsOf() {
  const moments = [...cards.values()].map(({ item }) => Date.parse(item?.as_of)).filter(Boolean);
  return moments.length ? Math.min(...moments) : null;
}

// A fresh grid: the cards of the one before are gone.
export function forgetCards() {
  cards.clear();
}

export function setUpPrice(card, article) {
  const root = $(".price", card);
  const input = $("input", root);
  input.min = input.step = article.step;
  input.value = wanted.get(article.sku) ?? article.usual;
  input.setAttribute("aria-label", `${text("quantity")}: ${article.name}`);
  $(".quantity span", root).textContent = text("quantity");
  input.addEventListener("input", () => setAmount(article.sku, input.value));
  $(".why", root).addEventListener("click", () => explainOn(article.sku));
  cards.set(article.sku, { article, root, input, item: null });
}

export function setAmount(sku, amount) {
  wanted.set(sku, amount);
  const { input } = cards.get(sku);
  if (input.value !== amount) input.value = amount;
  plan(200);
}

export function explainOn(sku) {
  const { article, input } = cards.get(sku);
  explain(article, amountOf(input), who());
}

// The price that the card of an article shows, or null.
export const itemOf = (sku) => cards.get(sku)?.item ?? null;

export const isLower = (item) =>
  Boolean(item?.base_price) && Number(item.unit_price.amount) < Number(item.base_price.amount);

// How many the card of an article says; null when that is no quantity.
export const amountOn = (sku) => amountOf(cards.get(sku).input);

// What the one who looks may buy, as far as the last answer said.
export const mayBuy = (sku) => cards.get(sku)?.root.dataset.state !== "not_for_you";

// Quantities have at most three decimals.
export function amountOf({ value }) {
  const amount = Math.round(Number(value) * 1_000) / 1_000;
  return amount > 0 && amount <= MOST ? amount : null;
}

function plan(delay) {
  clearTimeout(timer);
  timer = setTimeout(askNow, delay);
}

// Answers to an older question must not overwrite those to a newer one.
export async function askNow() {
  clearTimeout(timer);
  const mine = ++asked;
  if (!document.hidden) await ask(() => mine === asked);
  if (mine === asked) plan(ASK_EVERY);
}

async function ask(isLatest) {
  const shown = [...cards.values()];
  const good = shown.filter(({ input }) => amountOf(input));
  shown.filter((card) => !good.includes(card)).forEach((card) => show(card, null, ""));
  if (!good.length) return;
  const lines = good.map(({ article, input }) => ({ sku: article.sku, quantity: amountOf(input) }));
  const { body: answer } = await send("/prices.json", { ...asBuyer(), lines });
  if (!isLatest()) return;
  good.forEach((card, place) => {
    const item = answer?.items?.[place];
    if (item?.unit_price) show(card, item);
    else show(card, null, wordsFor(item?.error?.type ?? answer?.type), item?.error);
  });
  heard();
  explainAgain(who());
}

function wordsFor(problem = "") {
  if (problem.endsWith("/no-price")) return "no_price";
  return /unknown-(sku|customer)$/.test(problem) ? "not_for_you" : "price_away";
}

function show(card, item, otherwise, error) {
  const { root, article } = card;
  const why = $(".why", root);
  const moved = item && card.item && changedByErp(card, item);
  card.item = item;
  card.as = JSON.stringify(asBuyer());
  root.dataset.state = item ? "priced" : otherwise || "empty";
  why.disabled = !item && !error?.type?.endsWith("/no-price");
  const lower = isLower(item);
  $(".yours", root).textContent = item ? money(item.unit_price) : otherwise ? text(otherwise) : "–";
  $(".unit", root).textContent = item ? text(`per_${article.unit}`) : "";
  $(".instead", root).textContent = lower ? text("instead_of") : "";
  $("s", root).textContent = lower ? money(item.base_price) : "";
  const source = item && (item.price_list === "discounts" ? "class_discount" : `layer_${item.layer}`);
  $(".source", root).textContent = item ? text(source) : "";
  $(".source", root).dataset.layer = item?.layer ?? "";
  $(".next", root).textContent = nextBreak(item, article);
  $(".ask-why", root).textContent = why.disabled ? "" : text("why_short");
  const several = item && item.quantity !== 1;
  $(".total", root).textContent = several ? `= ${money(item.line_net)}` : "";
  if (moved && !still.matches) root.animate({ backgroundColor: ["#f2b54455", "transparent"] }, 1_400);
}

// What the next larger quantity would cost.
function nextBreak(item, article) {
  const next = item?.breaks.find(({ min_quantity }) => min_quantity > item.quantity);
  if (!next) return "";
  const price = money({ amount: next.unit_price, currency: item.unit_price.currency });
  return `${text("from_quantity", { quantity: quantity(article, next.min_quantity) })}: ${price}`;
}

// The same customer, the same quantity, another price: somebody changed it in the ERP.
function changedByErp(card, item) {
  const same = card.as === JSON.stringify(asBuyer()) && card.item.quantity === item.quantity;
  return same && card.item.unit_price.amount !== item.unit_price.amount;
}

document.addEventListener("visibilitychange", () => document.hidden || askNow());
