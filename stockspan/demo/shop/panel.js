// The page of one article, in a dialog: when it comes, where it may be fetched, what it costs by quantity.

import { addToBasket, mayBeBought } from "./adding.js";
import { breakRows } from "./breaks.js";
import { buyer } from "./buyer.js";
import { $, element, say } from "./page.js";
import { picture } from "./picture.js";
import { amountOf, amountOn, explainOn, isLower, itemOf, onPrices, setAmount } from "./prices.js";
import { days, language, money, text } from "./words.js";

let gateway = "";
let open = null; // the article

export function setUpPanel(address) {
  gateway = address;
  $("#amount").addEventListener("input", () => {
    setAmount(open.sku, $("#amount").value);
    refresh();
  });
  $("#panel-why").addEventListener("click", () => explainOn(open.sku));
  $("#panel-add").addEventListener("click", () => addToBasket(open));
  $("#panel").addEventListener("close", () => (open = null));
  onPrices(showPrice);
}

export function openPanel(article, stock) {
  open = article;
  const panel = $("#panel");
  $(".tile", panel).replaceChildren(picture(article));
  $(".group", panel).textContent = article.group_name;
  $("h2", panel).textContent = article.name;
  $(".sku", panel).textContent = article.sku;
  stock.addEventListener("stock-change", ({ detail }) => {
    $("#panel-add").disabled = !mayBeBought(detail);
    if (open === article) refresh();
  });
  $(".badge", panel).replaceChildren(stock);
  $("#amount").min = $("#amount").step = article.step;
  $("#amount").value = amountOn(article.sku) ?? article.usual;
  $("#panel-add").textContent = text("add");
  $("#stores").replaceChildren();
  $("#delivery").textContent = "–";
  $("#sufficient").textContent = "";
  showPrice();
  refresh();
  if (!panel.open) panel.showModal();
}

async function refresh() {
  const article = open;
  const query = new URLSearchParams({ pickup: "true", locale: language, channel: buyer.channel });
  const wanted = amountOf($("#amount"));
  if (wanted) query.set("quantity", wanted);
  const address = `${gateway}/v1/stock/${encodeURIComponent(article.sku)}?${query}`;
  const response = await fetch(address, { cache: "no-cache" }).catch(() => null);
  const item = response?.ok && (await response.json().catch(() => null));
  if (!item || open !== article) return;
  say($("#delivery"), days(item.delivery, { weekday: "short" }) || "–");
  const judged = { true: "enough", false: "too_many", null: "ask" }[String(item.sufficient)];
  say($("#sufficient"), wanted && judged ? text(judged) : "");
  $("#stores").replaceChildren(...(item.pickup ?? []).map(store));
}

function store({ name, location: code, label }) {
  const row = element("li", "");
  row.append(element("span", name || code), element("b", label));
  return row;
}

function showPrice() {
  if (!open) return;
  const item = itemOf(open.sku);
  say($("#panel-price"), item ? money(item.unit_price) : "–");
  say($("#panel-unit"), item ? text(`per_${open.unit}`) : "");
  say($("#panel-list"), isLower(item) ? money(item.base_price) : "");
  $("#panel-why").hidden = !item;
  say($("#panel-why"), text("why"));
  const rows = item ? breakRows(item, open) : [];
  $("#panel-breaks tbody").replaceChildren(...rows);
  $("#panel-breaks").hidden = rows.length < 2;
}
