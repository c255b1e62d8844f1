// What is promised, and for how long orders wait for the ERP's word.

import { $, cell, element, row, table } from "./elements.js";
import { count, span, time } from "./words.js";

let shown = "";

export function showPromises(promises) {
  const text = JSON.stringify(promises);
  if (text === shown) return;
  shown = text;
  $("#promises").replaceChildren(...(promises ? drawn(promises) : [element("p", "Nothing is promised here, or the ledger does not answer.", "small")]));
}

function drawn({ at, states, unacknowledged, oldest_age_seconds, waiting, acknowledge_within_seconds }) {
  const n = (value) => cell(count(value), { className: "n" });
  const MEANING = { held: "held while a customer pays", confirmed: "ordered, not acknowledged by the ERP", acknowledged: "acknowledged, not in the ERP's figures yet" };
  const rows = Object.keys(MEANING).map((state) => row(cell(state, { tag: "th" }), n(states[state] ?? 0), cell(MEANING[state])));
  let from = 0;
  const most = Math.max(1, ...waiting.map(({ orders }) => orders));
  const ages = waiting.map(({ below_seconds, orders }) => {
    const name = below_seconds === null ? `${span(from)} and more` : `${span(from)} to ${span(below_seconds)}`;
    const late = from >= acknowledge_within_seconds && orders > 0;
    const bar = element("meter");
    bar.max = most;
    bar.value = orders;
    bar.ariaLabel = `${orders} of ${unacknowledged}`;
    from = below_seconds ?? from;
    return row(cell(name, { tag: "th" }), cell(count(orders), { className: late ? "n bad" : "n" }), cell(bar));
  });
  const oldest = oldest_age_seconds === null ? "None waits." : `The oldest waits for ${span(oldest_age_seconds)}; overdue after ${span(acknowledge_within_seconds)}.`;
  return [
    element("div", [
      element("div", [table(["State", ["Now"], "What it is"], rows, "Reservations that take units")]),
      element("div", [table(["Waits for", ["Orders"], ""], ages, `${count(unacknowledged)} without the ERP's word`), element("p", `${oldest} Counted at ${time(at)}.`, "small")]),
    ], "pair"),
  ];
}
