// The sample shop's page. Stock comes from the gateway, by <stock-badge> and, for one article, by a lookup
// with `pickup`; articles, prices, the cart and what was sold come from the shop's own server.

import { setUpBuyers, showBuyers } from "./buyer.js";
import { card, setChannel } from "./card.js";
import { setUpCart, speakCart } from "./cart.js";
import { changed, setUpCheckout, showLines } from "./checkout.js";
import { setUpCounter, speakCounter } from "./counter.js";
import { $, element } from "./page.js";
import { setUpPanel } from "./panel.js";
import { askNow, forgetCards } from "./prices.js";
import { offer, setUpTill, showTill, speakTill } from "./till.js";
import { LANGUAGES, language, nameOf, speakIn, text } from "./words.js";

const GATEWAY = document.body.dataset.gateway;

// Answers of an older search must not overwrite those of a newer one.
let search = 0;
async function showArticles() {
  const mine = ++search;
  const words = $("#search input").value.trim();
  const response = await fetch(`/articles.json?${new URLSearchParams({ q: words })}`).catch(() => null);
  if (!response?.ok || mine !== search) return;
  const { articles } = await response.json();
  forgetCards();
  $("#grid").replaceChildren(...articles.map(card));
  offer(articles);
  askNow();
  $("#nothing").hidden = articles.length > 0;
}

function speak() {
  document.documentElement.lang = language;
  $("#language").value = language;
  for (const part of document.querySelectorAll("[data-text]"))
    part.textContent = text(part.dataset.text);
  for (const part of document.querySelectorAll("[data-placeholder]"))
    part.placeholder = part.ariaLabel = text(part.dataset.placeholder);
  for (const part of document.querySelectorAll("[data-label]"))
    part.ariaLabel = text(part.dataset.label);
}

$("#language").append(...LANGUAGES.map((code) => {
  const option = element("option", nameOf(code));
  option.value = option.lang = code;
  return option;
}));
$("#language").addEventListener("change", async ({ target }) => {
  await speakIn(target.value);
  for (const part of [speak, showBuyers, speakCart, showLines, speakCounter, speakTill, showArticles, showTill])
    part();
});
let typing = 0;
$("#search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(showArticles, 200);
});
$("#search").addEventListener("submit", (event) => {
  event.preventDefault();
  showArticles();
});

speak();
showBuyers();
setUpBuyers(() => {
  document.querySelectorAll("stock-badge").forEach(setChannel);
  askNow();
  changed();
});
setUpCart();
setUpCheckout();
setUpPanel(GATEWAY);
setUpCounter(GATEWAY);
setUpTill();
showArticles();
