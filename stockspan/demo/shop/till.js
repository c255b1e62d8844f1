// The till: what the ERP booked lately, and selling something there oneself.

import { $, element, send, toast } from "./page.js";
import { clock, number, quantity, text } from "./words.js";

const ASK_EVERY = 1_500;

let articles = []; // those on the page
let newest = 0; // number of the latest booking that was shown
let asking = false;

export function setUpTill() {
  $("#sell-article").addEventListener("change", speakTill);
  $("#sell").addEventListener("click", sell);
  setInterval(() => document.hidden || showTill(), ASK_EVERY);
  showTill();
}

export function offer(shown) {
  articles = shown;
  const chosen = $("#sell-article").value;
  $("#sell-article").replaceChildren(...articles.map(({ sku, name }) => {
    const option = element("option", `${sku} · ${name}`);
    option.value = sku;
    return option;
  }));
  if (articles.some(({ sku }) => sku === chosen)) $("#sell-article").value = chosen;
  speakTill();
}

const chosen = () => articles.find(({ sku }) => sku === $("#sell-article").value);

export function speakTill() {
  const article = chosen();
  $("#sell").disabled = !article;
  $("#sell").textContent = text("sell", { amount: article ? quantity(article, article.step) : "" });
}

async function sell() {
  const article = chosen();
  const { status } = await send("/sell", { sku: article.sku });
  const said = status === 200 ? "sold_one" : status === 409 ? "none_left" : "away";
  toast(text(said, { name: article.name, amount: quantity(article, article.step) }));
  if (status === 200) showTill();
}

export async function showTill() {
  if (asking) return;
  asking = true;
  const { status, body } = await send("/till.json");
  asking = false;
  if (status !== 200) return;
  const rows = body.movements.map((movement) => {
    const row = element("li", "", movement.kind);
    if (newest && movement.number > newest) row.classList.add("new");
    row.append(
      element("b", sign(movement)), element("span", movement.name, "what"), element("small", place(movement)),
    );
    return row;
  });
  newest = Math.max(newest, ...body.movements.map((movement) => movement.number));
  $("#till").replaceChildren(...rows);
}

const sign = ({ kind, quantity: units }) => (kind === "sale" ? "−" : "+") + number(units);
const place = ({ kind, warehouse, sku, at }) => [sku, text(kind, { warehouse }), clock(at)].join(" · ");
