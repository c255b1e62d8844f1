// Whose prices are shown, and the price on each card. The shop's server asks the gateway: the key
// is there. Prices are asked again every few seconds, as the badges are.

import { explain, explainAgain } from "./why.js";
import { element, money, remember, text } from "./words.js";

const ASK_EVERY = 4_000;
const MOST = 1e9;
const COMPARED = 9; // the first customers are those worth comparing
const NOBODY = [
  { id: "eu", channel: "eu", currency: "EUR" },
  { id: "se", channel: "se", currency: "SEK" },
];
const $ = (selector, root = document) => root.querySelector(selector);

const cards = new Map(); // sku → { article, root, item }
const wanted = new Map(); // sku → quantity that was typed
let customers = [];
let asked = 0;
let timer = 0;

// Who looks: a customer, or nobody in particular in a channel.
export let buyer = NOBODY[0];
export const asBuyer = () => (buyer.customer ? { customer: buyer.customer } : { channel: buyer.channel });

// The age of the prices shown, as a moment; that of the oldest counts.
export function pricesAsOf() {
  const moments = [...cards.values()].map(({ item }) => Date.parse(item?.as_of)).filter(Boolean);
  return moments.length ? Math.min(...moments) : null;
}

const nameOf = (one) =>
  one.name ?? text("anybody", { channel: text(`channel_${one.channel}`), currency: one.currency });

export function setUpBuyers(changed) {
  $("#buyer").addEventListener("change", ({ target }) => {
    choose(target.value);
    remember("as", buyer.id);
    $("#buyer-status").textContent = text("shown_for", { name: nameOf(buyer) });
    changed();
    askNow();
  });
  loadBuyers(changed);
}

async function loadBuyers(changed) {
  const response = await fetch("/customers.json").catch(() => null);
  if (!response?.ok) {
    setTimeout(() => loadBuyers(changed), ASK_EVERY); // the ERP is away
    return;
  }
  ({ customers } = await response.json());
  customers.forEach((one) => (one.id = one.customer));
  choose(new URLSearchParams(location.search).get("as"));
  showBuyers();
  changed();
  askNow();
}

function choose(id) {
  buyer = [...NOBODY, ...customers].find((one) => one.id === id) ?? NOBODY[0];
  showFacts();
}

// Options in the page's language: nobody, those worth comparing, then all others by group.
export function showBuyers() {
  const groups = {};
  for (const one of customers.slice(COMPARED)) (groups[one.group] ??= []).push(one);
  const others = Object.entries(groups).sort(([one], [other]) => one.localeCompare(other));
  const compared = customers.slice(0, COMPARED);
  $("#buyer").replaceChildren(
    ...NOBODY.map(option),
    ...(compared.length ? [optionGroup(text("compare"), compared)] : []),
    ...others.map(([group, members]) => optionGroup(group, members)),
  );
  $("#buyer").value = buyer.id;
  showFacts();
}

function optionGroup(label, members) {
  const made = document.createElement("optgroup");
  made.label = label;
  made.append(...members.map(option));
  return made;
}

function option(one) {
  const words = one.customer ? `${one.name} · ${one.country} · ${one.currency}` : nameOf(one);
  const made = element("option", words);
  made.value = one.id;
  return made;
}

function showFacts() {
  const facts = buyer.customer
    ? [
        buyer.group,
        buyer.discount_class ? text("class", { name: buyer.discount_class }) : text("no_class"),
        ...(buyer.agreements.length ? buyer.agreements : [text("no_agreement")]),
        ...(buyer.status === "good" ? [] : [text(`status_${buyer.status}`)]),
      ]
    : [text("anybody_facts")];
  $("#buyer-facts").replaceChildren(...facts.map((fact) => element("li", fact)));
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
  input.addEventListener("input", () => {
    wanted.set(article.sku, input.value);
    plan(200);
  });
  $(".why", root).addEventListener("click", () => explain(article, amountOf(input), who()));
  cards.set(article.sku, { article, root, input, item: null });
}

// How many the card of an article says; null when that is no quantity.
export const amountOn = (sku) => amountOf(cards.get(sku).input);

// What the one who looks may buy, as far as the last answer said.
export const mayBuy = (sku) => cards.get(sku)?.root.dataset.state !== "not_for_you";

const who = () => ({ ...asBuyer(), name: nameOf(buyer), currency: buyer.currency });

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
  const response = await fetch("/prices.json", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...asBuyer(), lines }),
  }).catch(() => null);
  const answer = await response?.json().catch(() => null);
  if (!isLatest()) return;
  good.forEach((card, place) => {
    const item = answer?.items?.[place];
    if (item?.unit_price) show(card, item);
    else show(card, null, wordsFor(item?.error?.type ?? answer?.type), item?.error);
  });
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
  const lower = item?.base_price && Number(item.unit_price.amount) < Number(item.base_price.amount);
  $(".yours", root).textContent = item ? money(item.unit_price) : otherwise ? text(otherwise) : "–";
  $(".unit", root).textContent = item ? text(`per_${article.unit}`) : "";
  $(".instead", root).textContent = lower ? text("instead_of") : "";
  $("s", root).textContent = lower ? money(item.base_price) : "";
  const source = item && (item.price_list === "discounts" ? "class_discount" : `layer_${item.layer}`);
  $(".source", root).textContent = item ? text(source) : "";
  $(".source", root).dataset.layer = item?.layer ?? "";
  $(".ask-why", root).textContent = why.disabled ? "" : text("why_short");
  const several = item && item.quantity !== 1;
  $(".total", root).textContent = several ? `= ${money(item.line_net)}` : "";
  if (moved) root.animate({ backgroundColor: ["#fbf0d4", "transparent"] }, 1_400);
}

// The same customer, the same quantity, another price: somebody changed it in the ERP.
function changedByErp(card, item) {
  const same = card.as === JSON.stringify(asBuyer()) && card.item.quantity === item.quantity;
  return same && card.item.unit_price.amount !== item.unit_price.amount;
}

document.addEventListener("visibilitychange", () => document.hidden || askNow());
