// The cart: its drawer, and the reservations this page made until they are over. The shop's server asks
// the gateway and hands orders to the ERP; here is only what one sees of it. It outlives a reload.

import { basket } from "./basket.js";
import { asBuyer } from "./buyer.js";
import { agrees, chapter, ENDED, makeEntry, showEntry, showLeft, stateLine, timeLeft } from "./cart_entry.js";
import { $, say, send, toast } from "./page.js";
import { number, plural, text } from "./words.js";

const KEPT_AS = "reservations";
const ASK_EVERY = 1_000;

const entries = new Map(); // reservation → { id, lines, worth, body, before, after, root, asked, busy }

export function setUpCart() {
  for (const kept of restored()) add(kept);
  showAll();
  $("#open-cart").addEventListener("click", () => $("#cart").showModal());
  basket.onChange(showAll);
  setInterval(() => document.hidden || askAll(), ASK_EVERY);
  setInterval(showTimes, 250);
  document.addEventListener("visibilitychange", () => document.hidden || askAll());
}

// In the language that is chosen now.
export function speakCart() {
  entries.forEach(showEntry);
  showAll();
}

function showTimes() {
  entries.forEach(showLeft);
  const next = [...entries.values()].map(timeLeft).filter(Boolean).sort()[0];
  say($("#cart-left"), next ?? "");
}

// All lines, or none; whether it worked. `worth` is what they cost.
export async function reserve(lines, seconds, worth) {
  const wanted = lines.map(({ article: { sku }, amount }) => ({ sku, quantity: amount }));
  const { status, body } = await send("/reserve", { ...asBuyer(), lines: wanted, ttl_seconds: seconds });
  if (status !== 201) toast(refused(lines, status, body));
  else take(add({ id: body.reservation, lines, worth }), body);
  return status === 201;
}

function refused(lines, status, body) {
  const [short] = body?.lines ?? [];
  if (body?.type?.endsWith("/insufficient-stock") && short?.span) {
    const { name } = lines.find(({ article }) => article.sku === short.sku).article;
    return text("too_little", { name, range: rangeOf(short.span) });
  }
  if (/unknown-(sku|customer)$/.test(body?.type)) return text("not_for_you");
  return text(status === 503 || !status ? "gateway_away" : "refused");
}

function rangeOf({ min, max }) {
  if (max === null) return `${number(min)}+`;
  return max === 0 ? number(0) : `${number(min)}–${number(max)}`;
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

// What stood there just before the ERP's own figures had the order, and just after.
function note(entry, { order, figures = [] }) {
  if (!figures.length || !order || !figures.every(agrees)) return;
  if (!order.booked) entry.before = figures;
  else if (entry.before && !entry.after) {
    entry.after = figures;
    keep();
  }
}

function add({ id, lines, worth, before = null, after = null }) {
  const entry = { id, lines, worth, before, after, body: null };
  Object.assign(entry, { asked: 0, asking: false, busy: false });
  entry.root = makeEntry(entry, { step, remove, again });
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
  $("#cart .close").focus(); // the button that had it is gone
}

function again(entry) {
  for (const { article, amount } of entry.lines) basket.put(article, amount);
  toast(text("put_back"));
  remove(entry);
}

function showAll() {
  const count = basket.lines.length;
  $("#cart-empty").hidden = entries.size > 0 || count > 0;
  say($("#cart-count"), number(count));
  $("#open-cart").setAttribute("aria-label", `${text("cart")}: ${plural("articles", count)}`);
  keep();
}

function keep() {
  const kept = ({ id, lines, worth, before, after }) => ({ id, lines, worth, before, after });
  sessionStorage.setItem(KEPT_AS, JSON.stringify([...entries.values()].map(kept)));
}

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "[]");
  } catch {
    return [];
  }
}
