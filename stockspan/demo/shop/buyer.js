// Who looks: a customer, or nobody in particular in a channel. In a real shop the sign-in says it.

import { $, element } from "./page.js";
import { remember, text } from "./words.js";

const ASK_AGAIN = 4_000;
const COMPARED = 9; // the first customers are those worth comparing
const NOBODY = [
  { id: "eu", channel: "eu", currency: "EUR" },
  { id: "se", channel: "se", currency: "SEK" },
];

let customers = [];

export let buyer = NOBODY[0];
export const asBuyer = () => (buyer.customer ? { customer: buyer.customer } : { channel: buyer.channel });
export const who = () => ({ ...asBuyer(), name: nameOf(buyer), currency: buyer.currency });

const nameOf = (one) =>
  one.name ?? text("anybody", { channel: text(`channel_${one.channel}`), currency: one.currency });

export function setUpBuyers(changed) {
  $("#buyer").addEventListener("change", ({ target }) => {
    choose(target.value);
    remember("as", buyer.id);
    $("#buyer-status").textContent = text("shown_for", { name: nameOf(buyer) });
    changed();
  });
  loadBuyers(changed);
}

async function loadBuyers(changed) {
  const response = await fetch("/customers.json").catch(() => null);
  if (!response?.ok) {
    setTimeout(() => loadBuyers(changed), ASK_AGAIN); // the ERP is away
    return;
  }
  ({ customers } = await response.json());
  customers.forEach((one) => (one.id = one.customer));
  choose(new URLSearchParams(location.search).get("as"));
  showBuyers();
  changed();
}

function choose(id) {
  buyer = [...NOBODY, ...customers].find((one) => one.id === id) ?? NOBODY[0];
  showFacts();
}

// Options in the page's language: nobody, those worth comparing, then all others by group.
export function showBuyers() {
  const groups = {};
  for (const one of customers.slice(COMPARED)) (groups[one.group] ??= []).push(one);
  const others = Object.entries(groups).sort(([one], [other]) => one.localeCompare(other));
  const compared = customers.slice(0, COMPARED);
  $("#buyer").replaceChildren(
    ...NOBODY.map(option),
    ...(compared.length ? [optionGroup(text("compare"), compared)] : []),
    ...others.map(([group, members]) => optionGroup(group, members)),
  );
  $("#buyer").value = buyer.id;
  showFacts();
}

function optionGroup(label, members) {
  const made = document.createElement("optgroup");
  made.label = label;
  made.append(...members.map(option));
  return made;
}

function option(one) {
  const words = one.customer ? `${one.name} · ${one.country} · ${one.currency}` : nameOf(one);
  const made = element("option", words);
  made.value = one.id;
  return made;
}

function showFacts() {
  const facts = buyer.customer
    ? [
        buyer.group,
        buyer.discount_class ? text("class", { name: buyer.discount_class }) : text("no_class"),
        ...(buyer.agreements.length ? buyer.agreements : [text("no_agreement")]),
        ...(buyer.status === "good" ? [] : [text(`status_${buyer.status}`)]),
      ]
    : [text("anybody_facts")];
  $("#buyer-facts").replaceChildren(...facts.map((fact) => element("li", fact)));
}
