// One article on the page: picture, badge, days, price, and putting it into the cart.

import { addToBasket, mayBeBought } from "./adding.js";
import { buyer } from "./buyer.js";
import { $ } from "./page.js";
import { openPanel } from "./panel.js";
import { picture } from "./picture.js";
import { setUpPrice } from "./prices.js";
import { days, language, text } from "./words.js";

const FIRST_CHANNEL = "eu"; // what the gateway answers for when none is named

export function card(article) {
  const made = $("#card").content.cloneNode(true);
  $(".tile", made).append(picture(article));
  $(".group", made).textContent = article.group_name;
  $(".name", made).textContent = article.name;
  $(".sku", made).textContent = article.sku;
  const [stock, when, add] = [badge(article.sku), $(".when", made), $(".add", made)];
  stock.addEventListener("stock-change", ({ detail }) => {
    const range = days(detail?.delivery);
    when.textContent = range && text("arrives", { range });
    add.disabled = !mayBeBought(detail);
  });
  $(".badge", made).append(stock);
  $(".open", made).addEventListener("click", () => openPanel(article, badge(article.sku)));
  setUpPrice(made, article);
  add.textContent = text("add");
  add.setAttribute("aria-label", `${text("add")}: ${article.name}`);
  add.addEventListener("click", () => addToBasket(article));
  return made;
}

function badge(sku) {
  const made = document.createElement("stock-badge");
  made.setAttribute("sku", sku);
  made.setAttribute("locale", language);
  setChannel(made);
  return made;
}

// Customers in another channel are delivered to from there.
export function setChannel(stock) {
  if (buyer.channel === FIRST_CHANNEL) stock.removeAttribute("channel");
  else stock.setAttribute("channel", buyer.channel);
}
