// The sample shop's page. Stock comes from the gateway, by <stock-badge> and, for one product, by
// a lookup with `pickup`; articles, prices, the cart and what was sold come from the shop's own server.

import { setUpLine, speakLine } from "./line.js";
import { mayReserve, setUpCart, setUpReserving, speakCart } from "./cart.js";
import { amountOf, amountOn, askNow, buyer, forgetCards, setUpBuyers, setUpPrice, showBuyers } from "./prices.js";
import { language, number, quantity, speakIn, text } from "./words.js";

const GATEWAY = document.body.dataset.gateway;
const FIRST_CHANNEL = "eu"; // what the gateway answers for when none is named
const TILL_EVERY = 1_500;
const $ = (selector, root = document) => root.querySelector(selector);

let open = null; // the article in the panel
let newest = 0; // number of the latest booking that was shown

function days(delivery, more = {}) {
  if (!delivery) return "";
  const format = new Intl.DateTimeFormat(language, {
    day: "numeric", month: "short", timeZone: "UTC", ...more,
  });
  const [earliest, latest] = [new Date(delivery.earliest), new Date(delivery.latest)];
  return format.formatRange(earliest, latest);
}

function badge(sku) {
  const made = document.createElement("stock-badge");
  made.setAttribute("sku", sku);
  made.setAttribute("locale", language);
  setChannel(made);
  return made;
}

// Customers in another channel are delivered to from there.
function setChannel(stock) {
  if (buyer.channel === FIRST_CHANNEL) stock.removeAttribute("channel");
  else stock.setAttribute("channel", buyer.channel);
}

function card(article) {
  const made = $("#card").content.cloneNode(true);
  $("use", made).setAttribute("href", `#group-${article.group}`);
  $(".group", made).textContent = article.group_name;
  $(".name", made).textContent = article.name;
  $(".sku", made).textContent = article.sku;
  const [stock, when, sell] = [badge(article.sku), $(".when", made), $(".sell", made)];
  const reserve = $(".reserve", made);
  stock.addEventListener("stock-change", ({ detail }) => {
    const range = days(detail?.delivery);
    when.textContent = range && text("arrives", { range });
    sell.disabled = detail?.level === "none"; // the ERP sells what is on the shelf
    reserve.disabled = !mayReserve(detail);
    if (open?.sku === article.sku) refreshPanel();
  });
  $(".badge", made).append(stock);
  $(".open", made).addEventListener("click", () => openPanel(article));
  setUpPrice(made, article);
  setUpSelling(sell, article);
  setUpReserving(reserve, article, () => amountOn(article.sku));
  return made;
}

function setUpSelling(button, article) {
  button.textContent = text("sell", { amount: quantity(article, article.step) });
  button.onclick = async () => {
    const response = await fetch("/sell", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ sku: article.sku }),
    }).catch(() => null);
    const said = response?.ok ? "sold_one" : response?.status === 409 ? "none_left" : "away";
    toast(text(said, { name: article.name, amount: quantity(article, article.step) }));
    if (response?.ok) showTill();
  };
}

let fading = 0;
function toast(words) {
  const shown = $("#toast");
  shown.textContent = words;
  shown.classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(() => shown.classList.remove("shown"), 2_600);
}

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
  askNow();
  $("#nothing").hidden = articles.length > 0;
}

async function showTill() {
  const response = await fetch("/till.json").catch(() => null);
  if (!response?.ok) return;
  const { movements } = await response.json();
  const rows = movements.map((movement) => {
    const row = document.createElement("li");
    row.className = movement.kind;
    if (newest && movement.number > newest) row.classList.add("new");
    const parts = { b: sign(movement), span: movement.name, small: place(movement) };
    for (const [tag, words] of Object.entries(parts)) {
      const part = document.createElement(tag);
      part.textContent = words;
      if (tag === "span") part.className = "what";
      row.append(part);
    }
    return row;
  });
  newest = Math.max(newest, ...movements.map((movement) => movement.number));
  $("#till").replaceChildren(...rows);
}

const sign = ({ kind, quantity }) => (kind === "sale" ? "−" : "+") + number(quantity);
const place = ({ kind, warehouse, sku, at }) =>
  [sku, text(kind, { warehouse }), new Date(at).toLocaleTimeString(language)].join(" · ");

function openPanel(article) {
  open = article;
  const panel = $("#panel");
  $("use", panel).setAttribute("href", `#group-${article.group}`);
  $(".group", panel).textContent = article.group_name;
  $("h2", panel).textContent = article.name;
  $(".sku", panel).textContent = article.sku;
  const stock = badge(article.sku);
  stock.addEventListener("stock-change", ({ detail }) => {
    $("#panel-sell").disabled = detail?.level === "none";
    $("#panel-reserve").disabled = !mayReserve(detail);
  });
  $(".badge", panel).replaceChildren(stock);
  $("#amount").value = article.step;
  $("#amount").min = $("#amount").step = article.step;
  setUpSelling($("#panel-sell"), article);
  setUpReserving($("#panel-reserve"), article, () => amountOf($("#amount")));
  $("#stores").replaceChildren();
  $("#delivery").textContent = "–";
  $("#sufficient").textContent = "";
  refreshPanel();
  if (!panel.open) panel.showModal();
}

async function refreshPanel() {
  const article = open;
  const query = new URLSearchParams({ pickup: "true", locale: language, channel: buyer.channel });
  const wanted = Number($("#amount").value);
  if (wanted > 0) query.set("quantity", wanted);
  const address = `${GATEWAY}/v1/stock/${encodeURIComponent(article.sku)}?${query}`;
  const response = await fetch(address, { cache: "no-cache" }).catch(() => null);
  if (!response?.ok || open !== article) return;
  const item = await response.json();
  $("#delivery").textContent = days(item.delivery, { weekday: "short" }) || "–";
  const judged = { true: "enough", false: "too_many", null: "ask" }[String(item.sufficient)];
  $("#sufficient").textContent = wanted > 0 && judged ? text(judged) : "";
  $("#stores").replaceChildren(...(item.pickup ?? []).map(store));
}

function store({ name, location: code, label }) {
  const row = document.createElement("li");
  for (const words of [name || code, label]) {
    const part = document.createElement("span");
    part.textContent = words;
    row.append(part);
  }
  row.lastChild.style.fontWeight = 600;
  return row;
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

$("#language").addEventListener("change", ({ target }) => {
  speakIn(target.value);
  speak();
  showBuyers();
  speakCart();
  speakLine();
  showArticles();
  showTill();
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
$("#amount").addEventListener("input", refreshPanel);
$("#panel").addEventListener("close", () => (open = null));
setInterval(() => document.hidden || showTill(), TILL_EVERY);

speak();
showBuyers();
setUpBuyers(() => document.querySelectorAll("stock-badge").forEach(setChannel));
setUpCart(toast);
setUpLine(GATEWAY);
showArticles();
showTill();
