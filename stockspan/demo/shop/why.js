// "Why this price?": the breaks, and what became of every price that was looked at.

import { breakRows } from "./breaks.js";
import { $, element } from "./page.js";
import { day, money, number, quantity, text } from "./words.js";

const LAYERS = ["contract", "campaign", "group", "channel", "base"]; // the closest first
const ASIDE = ["not_for_customer", "currency", "other_target", "list_not_valid", "row_not_valid"];

let open = null; // what is explained: { article, amount, who }
let shown = ""; // the answer on display, to leave it alone while it stays the same
let asked = 0;

export function explain(article, amount, who) {
  if (!amount) return;
  open = { article, amount, who };
  shown = "";
  $("#why-name").textContent = article.name;
  $("#why-for").textContent = text("why_for", { name: who.name, quantity: quantity(article, amount) });
  for (const part of ["#why-price", "#why-order", "#why-breaks", "#considered", "#others"])
    $(part).replaceChildren();
  $("#why-until").textContent = "";
  $("#why-others").hidden = true;
  refresh();
  if (!$("#why").open) $("#why").showModal();
}

// The prices on the page were asked for again: so is what is explained.
export function explainAgain(who) {
  if (open && open.who.name === who.name) refresh();
}

$("#why").addEventListener("close", () => (open = null));

async function refresh() {
  const mine = ++asked;
  const { article, amount, who } = open;
  const query = new URLSearchParams({ sku: article.sku, quantity: amount });
  for (const name of ["customer", "channel"]) if (who[name]) query.set(name, who[name]);
  const response = await fetch(`/why.json?${query}`).catch(() => null);
  const item = await response?.json().catch(() => null);
  if (mine !== asked || open?.article !== article) return;
  const { as_of, ...lasting } = item ?? {};
  const told = JSON.stringify(lasting);
  if (told === shown) return;
  shown = told;
  show(item, article);
}

function show(item, article) {
  const considered = item?.explanation ?? item?.error?.explanation ?? [];
  const winner = considered.find(({ outcome }) => outcome === "won");
  const price = $("#why-price");
  if (item?.unit_price) {
    price.replaceChildren(
      element("b", money(item.unit_price)), element("span", ` ${text(`per_${article.unit}`)}`),
    );
  } else {
    price.replaceChildren(element("b", text(considered.length ? "no_price" : "explanation_away")));
  }
  showOrder(winner?.layer);
  showBreaks(item, article, winner);
  const until = item?.valid_until && new Date(Date.parse(item.valid_until) - 1); // it does not count
  $("#why-until").textContent = until ? text("valid_until", { day: day(until) }) : "";
  const line = (one) => considereds(one, { winner, article, item });
  const aside = considered.filter(({ reason }) => ASIDE.includes(reason));
  $("#considered").replaceChildren(...considered.filter((one) => !aside.includes(one)).map(line));
  $("#others").replaceChildren(...aside.map(line));
  $("#why-others summary").textContent = text("others", { count: number(aside.length) });
  $("#why-others").hidden = !aside.length;
}

function showOrder(layer) {
  const steps = LAYERS.map((name) => {
    const step = element("li", text(`layer_${name}`));
    if (name === layer) step.setAttribute("aria-current", "true");
    return step;
  });
  $("#why-order").replaceChildren(...steps);
}

function showBreaks(item, article, winner) {
  const rows = winner && item?.unit_price ? breakRows(item, article) : [];
  $("#why-breaks").replaceChildren(...rows);
  $("#why-table").hidden = rows.length < 2;
  $("#why-flat").hidden = rows.length !== 1;
}

// One line: which list, for what, what it says, and why it is or is not the price.
function considereds(one, { winner, article, item }) {
  const row = element("li", "", one.outcome);
  const words = document.createElement("div");
  const name = element("p", "", "list");
  const matrix = one.price_list === "discounts";
  const title = matrix ? text("discounts") : item.titles?.[one.price_list] ?? one.price_list;
  name.append(element("b", title));
  if (!matrix) name.append(element("span", text(`layer_${one.layer}`), "source"));
  name.lastChild.dataset.layer = one.layer;
  words.append(name, element("p", reasonFor(one, winner, article), "reason"));
  const scope = element("p", forWhat(one, article), "scope");
  if (!matrix) scope.append(element("code", one.price_list));
  words.append(scope);
  row.append(element("span", text(one.outcome), "hidden"), words, element("span", priceOf(one, item), "costs"));
  return row;
}

function reasonFor(one, winner, article) {
  if (one.outcome === "won") return `${text("won")}: ${text(`won_${one.layer}`)}`;
  const than = one.outcome === "lost" ? winner : one;
  const values = {
    quantity: quantity(article, than?.min_quantity ?? one.min_quantity),
    winner: winner ? text(`layer_${winner.layer}`) : "",
    mine: text(`layer_${one.layer}`),
  };
  const reason = text(`${one.outcome}_${one.reason}`, values);
  const lower = one.outcome === "lost" && Number(one.unit_price) < Number(winner.unit_price);
  return lower ? `${reason} ${text("cheaper")}` : reason;
}

function forWhat({ price_list, target, min_quantity }, article) {
  const kind = price_list === "discounts" ? price_list : target;
  const what = text(`target_${kind}`, { group: article.group_name });
  return `${what}, ${text("from_quantity", { quantity: quantity(article, min_quantity) })}`;
}

function priceOf({ unit_price, reason }, item) {
  const currency = item.unit_price?.currency ?? open.who.currency;
  return unit_price && reason !== "currency" ? money({ amount: unit_price, currency }) : "–";
}
