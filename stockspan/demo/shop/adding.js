// Putting an article into the basket, as many as its card says.

import { basket } from "./basket.js";
import { toast } from "./page.js";
import { amountOn, mayBuy } from "./prices.js";
import { quantity, text } from "./words.js";

// What may be ordered ahead is sold as well; what is gone is not.
export const mayBeBought = (item) =>
  Boolean(item) && !["out_of_stock", "discontinued"].includes(item.status);

export function addToBasket(article) {
  const amount = amountOn(article.sku);
  if (!amount) return toast(text("how_many"));
  if (!mayBuy(article.sku)) return toast(text("not_for_you"));
  basket.put(article, amount);
  toast(text("added", { amount: quantity(article, amount), name: article.name }));
}
