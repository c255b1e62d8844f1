// What the page says and how it writes figures, in the language that is chosen: words/<language>.js.
// The server tells which there are.

export const LANGUAGES = document.body.dataset.languages.split(" "); // the first one stands in
const WRITTEN_FROM_THE_RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

export let language;
let words;

async function load(wanted) {
  const code = LANGUAGES.includes(wanted) ? wanted : LANGUAGES[0];
  ({ WORDS: words } = await import(`/words/${code}.js`));
  language = code;
}

await load(new URLSearchParams(location.search).get("lang"));

export async function speakIn(chosen) {
  await load(chosen);
  remember("lang", language);
}

// As it calls itself, with a capital as in a list.
export function nameOf(code) {
  const name = new Intl.DisplayNames([code], { type: "language" }).of(code);
  return name.charAt(0).toLocaleUpperCase(code) + name.slice(1);
}

// What is chosen stands in the address, so that it can be handed on.
export function remember(name, value) {
  const query = new URLSearchParams(location.search);
  query.set(name, value);
  history.replaceState(null, "", `?${query}`);
}

export const text = (name, values = {}) =>
  words[name].replace(/{(\w+)}/g, (_, key) => isolated(String(values[key])));

// A name in another direction must not turn the sentence around it.
const isolated = (value) => (WRITTEN_FROM_THE_RIGHT.test(value) ? `\u2068${value}\u2069` : value);

// As many forms as the language has: words are called name_one, name_few, … and name_other.
export function plural(name, count) {
  const form = new Intl.PluralRules(language).select(count);
  return text(words[`${name}_${form}`] ? `${name}_${form}` : `${name}_other`, { count: number(count) });
}

export const number = (value) => new Intl.NumberFormat(language).format(value);
export const quantity = ({ unit }, value) => number(value) + (unit === "MTR" ? "\u00a0m" : "");

// Amounts are decimals as text, which Intl writes exactly.
export const money = ({ amount, currency }) =>
  new Intl.NumberFormat(language, { style: "currency", currency, maximumFractionDigits: 4 })
    .format(amount);

export const day = (moment) =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(moment));

// From one day to another, as short as the language writes it.
export function days(delivery, more = {}) {
  if (!delivery) return "";
  const format = new Intl.DateTimeFormat(language, {
    day: "numeric", month: "short", timeZone: "UTC", ...more,
  });
  return format.formatRange(new Date(delivery.earliest), new Date(delivery.latest));
}

export const clock = (moment) => new Date(moment).toLocaleTimeString(language);

// A span of time in its two largest units: "1 min 20 sec", or in full "2 minutes".
export function duration(milliseconds, unitDisplay = "short") {
  const whole = Math.max(0, Math.floor(milliseconds / 1_000));
  const parts = [[Math.floor(whole / 3600), "hour"], [Math.floor(whole / 60) % 60, "minute"], [whole % 60, "second"]];
  const told = parts.filter(([value]) => value > 0).slice(0, 2);
  return (told.length ? told : parts.slice(2))
    .map(([value, unit]) => new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay }).format(value))
    .join(" ");
}
