// The switch of the line to the ERP, and how old stock and prices are while it is cut.

import { pricesAsOf } from "./prices.js";
import { language, text } from "./words.js";

const ASK_EVERY = 1_500;
const SHOWN_AFTER = 12_000; // that all has caught up
const SLOW = 10_000; // figures of an ERP that is there are seconds old
const $ = (selector) => document.querySelector(selector);

let gateway = "";
let line = null; // { up, since }
let stockAsOf = null; // milliseconds
let mended = null; // when the line was mended while this page watched
let caughtUp = null; // milliseconds it took from then until the figures were newer

export function setUpLine(address) {
  gateway = address;
  $("#erp-switch").addEventListener("click", turn);
  setInterval(() => document.hidden || ask(), ASK_EVERY);
  setInterval(speakLine, 1_000);
  ask();
}

async function turn() {
  const body = JSON.stringify({ up: !line.up });
  const headers = { "Content-Type": "application/json" };
  const response = await fetch("/erp", { method: "POST", headers, body }).catch(() => null);
  if (response?.ok) learn(await response.json());
}

async function ask() {
  const response = await fetch("/erp.json").catch(() => null);
  if (response?.ok) learn(await response.json());
  const sku = $("#grid stock-badge")?.getAttribute("sku");
  if (!sku) return;
  const address = `${gateway}/v1/stock/${encodeURIComponent(sku)}`;
  // Not from the browser's cache: a figure that is confirmed without a change keeps its ETag.
  const answer = await fetch(address, { cache: "no-store" }).catch(() => null);
  const item = answer?.ok && (await answer.json());
  if (item?.as_of) stockAsOf = Date.parse(item.as_of);
  if (line?.up && mended && caughtUp === null && stockAsOf > mended) caughtUp = Date.now() - mended;
  speakLine();
}

function learn(told) {
  if (line && !line.up && told.up) [mended, caughtUp] = [Date.parse(told.since), null];
  line = told;
  speakLine();
}

// All in the language that is chosen.
export function speakLine() {
  if (!line) return;
  $("#erp").dataset.up = line.up;
  $("#erp-switch").disabled = false;
  $("#erp-switch").textContent = text(line.up ? "erp_break" : "erp_mend");
  $("#erp-status").textContent = status();
  const old = !line.up || (stockAsOf && Date.now() - stockAsOf > SLOW);
  $("#erp-ages").textContent = old ? ages() : "";
}

function status() {
  if (!line.up) return text("erp_away", { since: clock(Date.parse(line.since)) });
  if (mended && caughtUp === null) return text("erp_catching_up");
  if (mended && Date.now() - mended < SHOWN_AFTER + caughtUp)
    return text("erp_caught_up", { seconds: seconds(caughtUp) });
  return text("erp_here");
}

function ages() {
  const parts = { erp_stock_age: stockAsOf, erp_price_age: pricesAsOf() };
  return Object.entries(parts)
    .filter(([, moment]) => moment)
    .map(([name, moment]) => text(name, { at: clock(moment), age: age(Date.now() - moment) }))
    .join(" ");
}

const clock = (moment) => new Date(moment).toLocaleTimeString(language);
const unit = (value, name, digits = 0) =>
  new Intl.NumberFormat(language, { style: "unit", unit: name, maximumFractionDigits: digits }).format(value);
const seconds = (milliseconds) => unit(milliseconds / 1_000, "second", 1);
function age(milliseconds) {
  const whole = Math.max(0, Math.floor(milliseconds / 1_000));
  const parts = [[Math.floor(whole / 3600), "hour"], [Math.floor(whole / 60) % 60, "minute"], [whole % 60, "second"]];
  const first = parts.findIndex(([value]) => value > 0);
  return parts.slice(first < 0 ? 2 : first).map(([value, name]) => unit(value, name)).join(" ");
}
