// The forms that ask why, and the place where the answer is shown.

import { $, element, pill } from "./elements.js";
import { priceReason } from "./price_reason.js";
import { Away, ask } from "./session.js";
import { stockReason } from "./stock_reason.js";

export class Lookups {
  constructor() {
    this.asked = 0;
    this.listen("#ask-stock", "stock", ["channel", "location", "quantity"], stockReason);
    this.listen("#ask-price", "price", ["customer", "channel", "quantity"], priceReason);
  }

  allow(allowed) {
    $("#no-explain").hidden = allowed;
    for (const control of document.querySelectorAll(".asking input, .asking button")) control.disabled = !allowed;
  }

  listen(form, what, names, draw) {
    $(form).addEventListener("submit", (event) => {
      event.preventDefault();
      const given = new FormData(event.target);
      // Every id goes into the query, where nothing makes another one of it.
      const query = new URLSearchParams({ sku: given.get("sku").trim() });
      for (const name of names) if (given.get(name).trim()) query.set(name, given.get(name).trim());
      this.show(`/v1/explain/${what}?${query}`, draw);
    });
  }

  async show(path, draw) {
    const mine = ++this.asked;
    const place = $("#reason");
    place.setAttribute("aria-busy", "true");
    let drawn;
    try {
      const told = await ask(path);
      const raw = element("details", [element("summary", "All of it, as the gateway tells it"), element("pre", JSON.stringify(told, null, 2))]);
      drawn = [...draw(told), raw];
    } catch (error) {
      const said = error instanceof Away ? "The gateway does not answer." : error.message;
      drawn = [element("p", [pill("no answer", "bad"), ` ${said}`])];
    }
    if (mine !== this.asked) return;
    const close = element("button", "Close", "close");
    close.type = "button";
    close.addEventListener("click", () => place.replaceChildren());
    place.replaceChildren(close, ...drawn);
    place.removeAttribute("aria-busy");
    place.focus({ preventScroll: true });
    place.scrollIntoView({ block: "nearest" });
  }
}
