// What one pays by quantity, as rows of a table.

import { element } from "./page.js";
import { money, number, quantity } from "./words.js";

export function breakRows({ breaks, unit_price: { currency }, quantity: wanted }, article) {
  const first = Number(breaks[0]?.unit_price);
  const here = breaks.findLast(({ min_quantity }) => min_quantity <= wanted);
  return breaks.map((one) => {
    const row = element("tr", "");
    const saved = Math.round((1 - Number(one.unit_price) / first) * 1_000) / 10;
    const from = element("th", quantity(article, one.min_quantity));
    from.scope = "row";
    row.append(
      from,
      element("td", money({ amount: one.unit_price, currency })),
      element("td", saved > 0 ? `${number(saved)} %` : "–"),
    );
    if (one === here) row.setAttribute("aria-current", "true");
    return row;
  });
}
