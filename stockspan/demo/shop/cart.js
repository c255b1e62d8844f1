// The cart: reservations that this page made, until they are over. The shop's server asks the gateway
// and hands orders to the ERP; here is only what one sees of it. It outlives a reload of the page.

import { agrees, chapter, ENDED, makeEntry, showEntry, showLeft, stateLine } from "./cart_entry.js";
import { asBuyer, mayBuy } from "./prices.js";
import { number, quantity, text } from "./words.js";

const KEPT_AS = "reservations";
const ASK_EVERY = 1_000;
const $ = (selector, root = document) => root.querySelector(selector);

const entries = new Map(); // reservation → { id, article, amount, body, before, root, asked, busy }
let toast = () => {};

export function setUpCart(say) {
  toast = say;
  for (const kept of restored()) add(kept);
  showAll();
  setInterval(() => document.hidden || askAll(), ASK_EVERY);
  setInterval(() => entries.forEach(showLeft), 250);
  document.addEventListener("visibilitychange", () => document.hidden || askAll());
}

// In the language that is chosen now.
export const speakCart = () => entries.forEach(showEntry);

// `amount` gives how many, or null.
export function setUpReserving(button, article, amount) {
  button.textContent = text("reserve");
  button.setAttribute("aria-label", `${text("reserve")}: ${article.name}`);
  button.onclick = async () => {
    const wanted = amount();
    if (!wanted) toast(text("how_many"));
    else if (!mayBuy(article.sku)) toast(text("not_for_you"));
    else await reserve(article, wanted);
  };
}

// What may be ordered ahead is reserved as well; what is gone is not.
export const mayReserve = (item) => Boolean(item) && !["out_of_stock", "discontinued"].includes(item.status);

async function reserve({ sku, name, unit }, amount) {
  const lines = [{ sku, quantity: amount }];
  const { status, body } = await send("/reserve", { ...asBuyer(), lines });
  if (status !== 201) return toast(refused({ sku, name, unit }, status, body));
  const entry = add({ id: body.reservation, article: { sku, name, unit }, amount });
  take(entry, body);
  toast(text("reserved", { amount: quantity({ unit }, amount), name }));
}

function refused(article, status, body) {
  const span = body?.lines?.[0]?.span;
  if (body?.type?.endsWith("/insufficient-stock") && span) {
    const range = span.max === null ? `${number(span.min)}+` : `${number(span.min)}–${number(span.max)}`;
    return text("too_little", { name: article.name, range: span.max === 0 ? "0" : range });
  }
  if (/unknown-(sku|customer)$/.test(body?.type)) return text("not_for_you");
  return text(status === 503 || !status ? "gateway_away" : "refused");
}

async function step(entry, name) {
  entry.busy = true;
  showEntry(entry);
  const mine = ++entry.asked;
  const { status, body } = await send(`/reservations/${entry.id}/${name}`, {});
  entry.busy = false;
  if (mine === entry.asked && body?.state) take(entry, body);
  else toast(text(status === 503 || !status ? "gateway_away" : "refused"));
  if (!body?.state) ask(entry);
  showEntry(entry);
}

function askAll() {
  for (const entry of entries.values())
    if (!entry.busy && !ENDED.includes(entry.body?.state)) ask(entry);
}

// Of answers to several questions only that to the latest counts.
async function ask(entry) {
  if (entry.asking) return;
  entry.asking = true;
  const mine = ++entry.asked;
  const { status, body } = await send(`/reservations/${entry.id}`);
  entry.asking = false;
  if (mine !== entry.asked || !entries.has(entry.id)) return;
  if (body?.state) take(entry, body);
  else if (status === 404) remove(entry);
}

function take(entry, body) {
  const [was, is] = [entry.body?.state, body.state];
  const earlier = entry.body && chapter(entry.body);
  entry.body = body;
  note(entry, body);
  if (was !== is) $("#cart-status").textContent = stateLine(entry);
  if (earlier !== chapter(body)) keep();
  showEntry(entry);
}

// What stood there just before the ERP's own figure had the order, and just after.
function note(entry, { order, figures: [figure] = [] }) {
  if (!figure || !order || !agrees(figure)) return;
  if (!order.booked) entry.before = figure;
  else if (entry.before && !entry.after) {
    entry.after = figure;
    keep();
  }
}

function add({ id, article, amount, before = null, after = null }) {
  const entry = { id, article, amount, before, after, body: null };
  Object.assign(entry, { asked: 0, asking: false, busy: false });
  entry.root = makeEntry(entry, { step, remove });
  entries.set(id, entry);
  showEntry(entry);
  $("#entries").prepend(entry.root);
  showAll();
  ask(entry);
  return entry;
}

function remove({ id, root }) {
  entries.delete(id);
  root.remove();
  showAll();
}

function showAll() {
  $("#cart-empty").hidden = entries.size > 0;
  keep();
}

function keep() {
  const kept = ({ id, article, amount, before, after }) => ({ id, article, amount, before, after });
  sessionStorage.setItem(KEPT_AS, JSON.stringify([...entries.values()].map(kept)));
}

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "[]");
  } catch {
    return [];
  }
}

// Status 0: nobody answered.
async function send(address, body) {
  const more = body && {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const response = await fetch(address, more).catch(() => null);
  const answer = await response?.json().catch(() => null);
  return { status: response?.status ?? 0, body: answer ?? null };
}
