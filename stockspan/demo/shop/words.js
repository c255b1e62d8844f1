// What the page says and how it writes figures, in the language that is chosen.

import { CART_TEXTS } from "./cart_texts.js";
import { LINE_TEXTS } from "./line_texts.js";
import { PRICE_TEXTS } from "./price_texts.js";
import { TEXTS } from "./texts.js";

const asked = new URLSearchParams(location.search).get("lang");
export let language = asked in TEXTS ? asked : "en";

export function speakIn(chosen) {
  language = chosen;
  remember("lang", chosen);
}

// What is chosen stands in the address, so that it can be handed on.
export function remember(name, value) {
  const query = new URLSearchParams(location.search);
  query.set(name, value);
  history.replaceState(null, "", `?${query}`);
}

export const text = (name, values = {}) =>
  wordsFor(name).replace(/{(\w+)}/g, (_, key) => values[key]);
const wordsFor = (name) =>
  TEXTS[language][name] ?? PRICE_TEXTS[language][name] ?? CART_TEXTS[language][name] ??
  LINE_TEXTS[language][name];

export const number = (value) => new Intl.NumberFormat(language).format(value);
export const quantity = ({ unit }, value) => number(value) + (unit === "MTR" ? " m" : "");

// Amounts are decimals as text, which Intl writes exactly.
export const money = ({ amount, currency }) =>
  new Intl.NumberFormat(language, { style: "currency", currency, maximumFractionDigits: 4 })
    .format(amount);

export const day = (moment) =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(moment));

export function element(tag, words, className) {
  const made = document.createElement(tag);
  made.textContent = words;
  if (className) made.className = className;
  return made;
}
