// Behind the counter: the line to the ERP and ways to break it, and how old stock and prices are meanwhile.

import { $, element, say, send } from "./page.js";
import { pricesAsOf } from "./prices.js";
import { clock, duration, language, text } from "./words.js";

const CONDITIONS = ["up", "slow", "hanging", "down"];
const ASK_EVERY = 1_500;
const SHOWN_AFTER = 12_000; // that all has caught up
const SLOW = 10_000; // figures of an ERP that is there are seconds old

let gateway = "";
let line = null; // { condition, since }
let stockAsOf = null; // milliseconds
let mended = null; // when the line was mended while this page watched
let caughtUp = null; // milliseconds it took from then until the figures were newer
let asking = false;

export function setUpCounter(address) {
  gateway = address;
  for (const condition of CONDITIONS) {
    const button = element("button", "");
    button.dataset.condition = condition;
    button.addEventListener("click", () => turn(condition));
    $("#conditions").append(button);
  }
  setInterval(() => document.hidden || ask(), ASK_EVERY);
  setInterval(speakCounter, 1_000);
  ask();
}

async function turn(condition) {
  const { status, body } = await send("/erp", { condition });
  if (status === 200) learn(body);
}

async function ask() {
  if (asking) return;
  asking = true;
  const { status, body } = await send("/erp.json");
  if (status === 200) learn(body);
  await askAge();
  asking = false;
  speakCounter();
}

// How old stock is, any article tells.
async function askAge() {
  const sku = $("#grid stock-badge")?.getAttribute("sku");
  if (!sku) return;
  const address = `${gateway}/v1/stock/${encodeURIComponent(sku)}`;
  // Not from the browser's cache: a figure that is confirmed without a change keeps its ETag.
  const answer = await fetch(address, { cache: "no-store" }).catch(() => null);
  const item = answer?.ok && (await answer.json().catch(() => null));
  if (item?.as_of) stockAsOf = Date.parse(item.as_of);
  if (isUp() && mended && caughtUp === null && stockAsOf > mended) caughtUp = Date.now() - mended;
}

const isUp = () => line?.condition === "up";

function learn(told) {
  if (line && !isUp() && told.condition === "up") [mended, caughtUp] = [Date.parse(told.since), null];
  line = told;
  speakCounter();
}

// All in the language that is chosen.
export function speakCounter() {
  if (!line) return;
  $("#counter").dataset.condition = line.condition;
  for (const button of $("#conditions").children) {
    say(button, text(`line_${button.dataset.condition}`));
    button.setAttribute("aria-pressed", button.dataset.condition === line.condition);
  }
  say($("#erp-status"), status());
  say($("#erp-because"), text(`because_${line.condition}`));
  const old = !isUp() || (stockAsOf && Date.now() - stockAsOf > SLOW);
  say($("#erp-ages"), old ? ages() : "");
}

function status() {
  if (!isUp()) return text("erp_away", { since: clock(line.since) });
  if (mended && caughtUp === null) return text("erp_catching_up");
  if (mended && Date.now() - mended < SHOWN_AFTER + caughtUp)
    return text("erp_caught_up", { seconds: seconds(caughtUp) });
  return text("erp_here");
}

function ages() {
  const parts = { erp_stock_age: stockAsOf, erp_price_age: pricesAsOf() };
  return Object.entries(parts)
    .filter(([, moment]) => moment)
    .map(([name, moment]) => text(name, { at: clock(moment), age: duration(Date.now() - moment) }))
    .join(" ");
}

const seconds = (milliseconds) =>
  new Intl.NumberFormat(language, { style: "unit", unit: "second", maximumFractionDigits: 1 })
    .format(milliseconds / 1_000);
