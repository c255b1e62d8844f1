// Why a price is what it is, or that there is none.

import { cell, element, facts, pill, row, table } from "./elements.js";
import { DASH, count, moment, quantity } from "./words.js";

const OUTCOMES = {
  priced: ["priced", "good"],
  no_price: ["no price", "warn"],
  customer_blocked: ["customer is blocked", "bad"],
  other_assortment: ["not in the customer's assortment", "bad"],
  not_known: ["cannot be told while the store is away", "bad"],
};
const REASONS = {
  best: "the best of those that stand",
  layer: "the winner's layer is closer to the customer",
  target: "the winner is for the SKU itself, or its group",
  priority: "the winner's list has a higher priority",
  rank: "the winner's row comes first",
  min_quantity: "the winner holds from a higher quantity on",
  unit_price: "the winner is cheaper",
  list_id: "all the same: the smaller id decides",
  valid_from: "the row that began later decides",
  currency: "another currency",
  not_for_customer: "for others, or another channel",
  percent_in_base: "a percentage in a base list",
  list_not_valid: "the list does not hold at that moment",
  row_not_valid: "the row does not hold at that moment",
  superseded: "a later cell of the matrix holds",
  below_min_quantity: "holds from a higher quantity on",
  no_base_price: "a percentage, and nothing to take it off",
};
const TONES = { won: "good", lost: "", rejected: "warn" };

export function priceReason(told) {
  const { item, customer, outcome } = told;
  const [word, tone] = OUTCOMES[outcome] ?? [outcome, ""];
  const price = item.unit_price ? [element("b", `${item.unit_price.amount} ${item.unit_price.currency}`), ` each, ${item.line_net.amount} net for ${quantity(told.quantity)}; from list `, element("code", item.price_list)] : [];
  const considered = item.explanation ?? [];
  return [
    element("h3", [element("code", told.sku), customer ? ` for ${customer.name || customer.customer}` : " for nobody in particular"]),
    element("p", `channel ${told.channel} · ${told.currency} · quantity ${quantity(told.quantity)} · at ${moment(told.at)} · strategy ${told.strategy.replaceAll("_", " ")}`, "small"),
    element("p", [pill(word, tone), " ", ...price], "verdict"),
    ...(considered.length ? [candidates(considered, told.currency)] : []),
    element("div", [
      element("section", [element("h4", "Lists that apply"), lists(told.lists)]),
      element("section", [element("h4", "Breaks"), facts((item.breaks ?? []).map((one) => [`from ${quantity(one.min_quantity)}`, `${one.unit_price} ${told.currency}`]))]),
      element("section", [element("h4", "Customer"), customer ? buyer(customer) : element("p", "nobody in particular", "small")]),
    ], "trio"),
  ];
}

function candidates(considered, currency) {
  const rows = considered.map((one) => row(
    cell(element("code", one.price_list), { tag: "th" }),
    cell(pill(one.outcome, TONES[one.outcome] ?? "")),
    cell(REASONS[one.reason] ?? one.reason),
    cell(one.layer), cell(one.target.replace("_", " ")),
    cell(quantity(one.min_quantity), { className: "n" }),
    cell(one.unit_price === null ? DASH : `${one.unit_price} ${one.reason === "currency" ? "" : currency}`, { className: "n strong" }),
  ));
  return table(["List", "Outcome", "Because", "Layer", "For", ["From"], ["Unit price"]], rows, `${count(considered.length)} candidates`);
}

const lists = (heads) => facts(heads.map((head) => [
  head.price_list,
  [`${head.layer}, priority ${head.priority}${head.tax_included ? ", with tax" : ""} `, head.valid ? "" : pill("not at that moment", "warn")],
]));

const buyer = (customer) => facts([
  ["Id", element("code", customer.customer)],
  ["Status", customer.status.replace("_", " ")],
  ["Groups", customer.groups.join(", ")],
  ["Own lists", customer.price_lists.join(", ")],
  ["Discount class", customer.discount_class],
  ["Currency", customer.currency],
  ["Channel", customer.channel],
  ["Assortments", customer.assortments.join(", ")],
]);
