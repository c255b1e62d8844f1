// The lines of the basket as the gateway judges them: price, rules on quantities, whether there is enough.

import { basket } from "./basket.js";
import { asBuyer } from "./buyer.js";
import { reserve } from "./cart.js";
import { $, say, send } from "./page.js";
import { picture } from "./picture.js";
import { amountOf } from "./prices.js";
import { duration, money, quantity, text } from "./words.js";

const ASK_EVERY = 4_000;
const SHOWN_SECONDS = 120;

// For how long units are held; ?hold=20 lets one see a hold expire.
export const held = Number(new URLSearchParams(location.search).get("hold")) || SHOWN_SECONDS;

const rows = new Map(); // sku → element
let answer = null; // the gateway's, about the lines as they are
let asked = 0;
let timer = 0;

export function setUpCheckout() {
  basket.onChange(changed);
  $("#reserve").addEventListener("click", reserveAll);
  $("#cart").addEventListener("toggle", look);
  setInterval(() => document.hidden || look(), ASK_EVERY);
  showLines();
}

// Something is different: what was answered does not hold any more.
export function changed() {
  answer = null;
  showLines();
  clearTimeout(timer);
  timer = setTimeout(look, 150);
}

async function look() {
  if (!$("#cart").open || !basket.lines.length) return;
  const mine = ++asked;
  const { body } = await send("/checkout.json", { ...asBuyer(), lines: wanted() });
  if (mine !== asked) return;
  answer = body?.lines?.length === basket.lines.length ? body : null;
  showLines();
}

const wanted = () => basket.lines.map(({ article: { sku }, amount }) => ({ sku, quantity: amount }));

async function reserveAll() {
  const { lines } = basket;
  $("#reserve").disabled = true;
  if (await reserve(lines, held, answer.totals.gross)) basket.clear();
  else look();
}

// In the language that is chosen now.
export function showLines() {
  const { lines } = basket;
  for (const [sku, row] of rows) {
    if (lines.some(({ article }) => article.sku === sku)) continue;
    row.remove();
    rows.delete(sku);
  }
  const troubles = lines.map((line, place) => showLine(line, answer?.lines[place]));
  $("#cart-lines").hidden = $("#summary").hidden = !lines.length;
  const blocked = answer?.customer_status === "credit_hold";
  say($("#cart-trouble"), blocked ? text("credit_hold") : troubles.some(Boolean) ? text("mend_first") : "");
  for (const name of ["net", "tax", "gross"])
    say($(`#total-${name}`), answer ? money(answer.totals[name]) : "–");
  const button = $("#reserve");
  say(button, text("reserve"));
  button.disabled = !answer || blocked || troubles.some(Boolean);
  say($("#hold-note"), text("hold_note", { time: duration(held * 1_000, "long") }));
}

function showLine({ article, amount }, told) {
  const row = rows.get(article.sku) ?? makeRow(article);
  const input = $("input", row);
  if (document.activeElement !== input) input.value = amount;
  input.setAttribute("aria-label", `${text("quantity")}: ${article.name}`);
  say($(".title", row), article.name);
  for (const [name, button] of [["less", $(".less", row)], ["more", $(".more", row)], ["remove", $(".drop", row)]])
    button.setAttribute("aria-label", `${text(name)}: ${article.name}`);
  say($(".drop", row), text("remove"));
  $(".less", row).disabled = amount <= article.step;
  say($(".each", row), told?.price ? `${money(told.price.unit_price)} ${text(`per_${article.unit}`)}` : "");
  say($(".sum", row), told?.price ? money(told.price.line_net) : "–");
  const trouble = told ? troubleWith(article, told) : null;
  row.classList.toggle("wrong", Boolean(trouble));
  say($(".trouble", row), trouble?.words ?? "");
  say($(".word", row), trouble || !told ? "" : word(told));
  const take = $(".take", row);
  const nearest = trouble?.nearest;
  take.hidden = !nearest;
  say(take, nearest ? text("take", { quantity: quantity(article, nearest) }) : "");
  take.onclick = () => basket.change(article.sku, nearest);
  return trouble;
}

function makeRow(article) {
  const row = $("#cart-line").content.cloneNode(true).firstElementChild;
  const { sku, step } = article;
  const now = () => basket.lines.find((line) => line.article.sku === sku).amount;
  row.prepend(picture(article));
  const input = $("input", row);
  input.min = input.step = step;
  input.addEventListener("change", () => {
    const amount = amountOf(input);
    if (amount) basket.change(sku, amount);
    else input.value = now();
  });
  $(".less", row).addEventListener("click", () => basket.change(sku, Math.max(step, now() - step)));
  $(".more", row).addEventListener("click", () => basket.change(sku, now() + step));
  $(".drop", row).addEventListener("click", () => {
    basket.drop(sku);
    $("#cart .close").focus();
  });
  rows.set(sku, row);
  $("#cart-lines").append(row);
  return row;
}

// What keeps a line from being bought, in words, and the quantity that would do.
function troubleWith(article, { errors, rules, stock, price }) {
  const [error] = errors;
  if (error) {
    const kind = error.type.split("/").pop();
    const said = { "unknown-sku": "line_gone", "no-price": "line_price" }[kind] ?? "line_away";
    return { words: text(said) };
  }
  if (rules && !rules.kept) return { words: brokenRule(article, rules), nearest: rules.nearest };
  if (stock?.sufficient === false) return { words: text("short", { label: stock.label }) };
  return price && stock ? null : { words: text("line_away") };
}

function brokenRule(article, rules) {
  const names = { rule_min: "min_order_quantity", rule_max: "max_order_quantity", rule_multiple: "order_multiple" };
  const [said, name] = Object.entries(names).find(([, one]) => !rules[one].kept);
  return text(said, { quantity: quantity(article, rules[name].limit) });
}

// Where the ERP was asked, because its answer could have turned ours.
function word({ confirmed, confirm_reason }) {
  if (confirmed) return text("erp_said");
  return confirm_reason && confirm_reason !== "not-asked" ? text("erp_silent") : "";
}
