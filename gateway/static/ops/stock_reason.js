// Why a badge says what it says.

import { cell, element, facts, pill, row, table } from "./elements.js";
import { DASH, moment, plural, quantity, span } from "./words.js";

const RULES = {
  many: "What is left lies in a span that begins at or above the limit of “few”.",
  few: "What is left lies in a span that begins below the limit of “few”.",
  backorder: "Nothing is left, and the product may be ordered all the same.",
  discontinued: "Nothing is left, and the product is discontinued.",
  nothing_left: "Nothing is left at the locations that count.",
  before_release: "It is a pre-order product before its release: stock that is there does not count.",
  expired: "The figure has expired, and the policy says that one must ask.",
  refused: "The figure has expired, and the policy says that nothing may be told.",
};
const COUNTING = {
  counts: "counts",
  no_level: "the ERP gave no level",
  not_listed: "no such location is listed",
  other_channel: "not for this channel",
  does_not_ship: "does not ship",
  not_asked_for: "another was asked for",
};
const ORIGINS = {
  stock: "from stock", supply: "from incoming supply", lead_time: "by the product's lead time",
};
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const TONES = { green: "good", yellow: "warn", red: "bad", grey: "" };

const n = (value, className = "") => cell(quantity(value), { className: `n ${className}` });
const spanText = ({ min, max }) => (max === null ? `${quantity(min)}+` : `${quantity(min)} to ${quantity(max)}`);

export function stockReason(told) {
  const { item, policy, circumstances, product } = told;
  const title = element("h3", [element("code", told.sku), product.name ? ` ${product.name}` : ""]);
  const where = [`channel ${circumstances.channel}`, circumstances.location && `location ${circumstances.location}`, circumstances.quantity !== null && `quantity ${quantity(circumstances.quantity)}`, circumstances.locale].filter(Boolean).join(" · ");
  const shown = item.error
    ? [pill("withheld", "bad"), ` ${item.error.title}`]
    : [pill(item.label, TONES[item.color]), ` ${item.status}${item.sufficient === undefined ? "" : `, sufficient: ${item.sufficient ?? "cannot be told"}`}`];
  return [
    title,
    element("p", where, "small"),
    element("p", shown, "verdict"),
    element("p", [element("strong", "Because: "), RULES[policy.rule] ?? policy.rule, ` ${sumText(policy)}`], "because"),
    places(told),
    ...holds(told.holds),
    element("div", [
      section("Policy", policyFacts(told)),
      section("Delivery", deliveryFacts(told)),
      section("Freshness", ageFacts(told.age)),
    ], "trio"),
  ];
}

const section = (name, content) => element("section", [element("h4", name), content]);

function sumText({ salable, shown, span: within, few_below }) {
  const less = shown === salable ? "" : `, of which ${quantity(shown)} are shown for what was probably sold since`;
  const lies = within ? ` It is told as ${spanText(within)}; “few” is below ${quantity(few_below)}.` : "";
  return `${quantity(salable)} may be sold${less}.${lies}`;
}

function places({ locations, policy }) {
  const rows = locations.map((place) => {
    const { level } = place;
    const name = element("span", [element("b", place.location), place.name ? ` ${place.name}` : ""]);
    const counts = place.counting === "counts";
    const made = row(
      cell(name, { tag: "th", className: "place" }),
      cell(pill(COUNTING[place.counting] ?? place.counting, counts ? "good" : "")),
      n(level?.quantity), cell(level ? level.basis.replace("_", " ") : DASH, { className: "nowrap" }),
      n(level?.basis === "on_hand" ? level.allocated : null), n(level?.safety_stock), n(level?.taken, level?.taken ? "warned" : ""),
      n(level?.salable, "strong"),
      cell((level?.incoming ?? []).map((supply) => `${quantity(supply.quantity)} on ${supply.date}`).join(", ") || DASH, { className: "nowrap" }),
      cell(level ? moment(level.updated_at) : DASH, { className: "nowrap" }),
      cell(level ? moment(level.as_of) : DASH, { className: "nowrap" }),
      cell(level ? (level.feed ?? pill("nobody vouches", "warn")) : DASH),
      cell(level ? String(level.version) : DASH, { className: "n" }),
    );
    if (!counts) made.className = "aside";
    return made;
  });
  const total = row(cell("Sum of what counts", { tag: "th", className: "nowrap" }), cell(""), cell(""), cell(""), cell(""), cell(""), cell(""), n(policy.salable, "strong"));
  const rest = cell("");
  rest.colSpan = 5;
  total.append(rest);
  total.className = "total";
  const names = ["Location", "Counts?", ["Quantity"], "Basis", ["Allocated"], ["Safety"], ["Taken"], ["Salable"], "Incoming", "Updated", "As of", "Feed", ["Version"]];
  return table(names, [...rows, total], "Figures by location");
}

function holds(told) {
  if (!told) return [element("p", "Nothing is promised here, or what is taken cannot be looked up now.", "small")];
  if (!told.reservations.length) return [element("p", "No reservation takes units of it.", "small")];
  const rows = told.reservations.map((hold) => {
    const units = hold.units.map(({ location, quantity: size, counted }) => `${quantity(size)} at ${location}${counted ? "" : " (in the figure already)"}`).join(", ");
    const since = hold.state === "held" || hold.state === "pending" ? hold.expires_at && `expires ${moment(hold.expires_at)}` : [hold.confirmed_at && `confirmed ${moment(hold.confirmed_at)}`, hold.acknowledged_at && `acknowledged ${moment(hold.acknowledged_at)}`].filter(Boolean).join(", ");
    return row(
      cell(element("code", hold.reservation), { tag: "th" }),
      cell(pill(hold.state, hold.state === "confirmed" ? "warn" : "")),
      cell(units, { className: "nowrap" }), cell(since || DASH, { className: "nowrap" }), cell(hold.order_ref ?? DASH), cell(hold.customer ?? DASH), cell(hold.caller ?? DASH),
    );
  });
  const notes = [];
  if (!told.whole) notes.push("There are more than these.");
  if (!told.ledger_up) notes.push("The ledger does not answer: times and orders are missing.");
  return [
    table(["Reservation", "State", "Units", "When", "Order", "Customer", "Key"], rows, `${plural(told.reservations.length, "reservation")} of it`),
    ...(notes.length ? [element("p", notes.join(" "), "small")] : []),
  ];
}

const policyFacts = ({ policy, product }) => facts([
  ["Spans begin at", policy.bounds.map(quantity).join(", ")],
  ["“Few” below", quantity(policy.few_below)],
  ["Judged", quantity(policy.shown)],
  ["Span", policy.span && spanText(policy.span)],
  ["Rule", element("code", policy.rule)],
  ["Product", product.status],
  ["Stock class", product.stock_class],
  ["Back-order", product.backorder ? "allowed" : "no"],
  ["Available from", product.available_from],
]);

function deliveryFacts({ delivery, item }) {
  const from = delivery.locations.length ? ` at ${delivery.locations.join(", ")}` : "";
  return facts([
    ["Arrives", item.delivery ? `${item.delivery.earliest} to ${item.delivery.latest}` : "no promise: no data"],
    ["Leaves", delivery.leaves && `${delivery.leaves}, ${ORIGINS[delivery.origin]}${from}`],
    ["Supply", delivery.supplied],
    ["Handling", delivery.leaves && plural(delivery.handling_days, "working day")],
    ["Order day", delivery.order_day],
    ["Channel's clock", delivery.local_time.replace("T", " ")],
    ["Cut-off", delivery.cut_off?.slice(0, 5) ?? "none"],
    ["Working days", delivery.working_days.map((day) => DAYS[day]).join(" ")],
    ["Skipped", delivery.days_off.join(", ")],
    ["In transit", `${delivery.transit_days[0]} to ${plural(delivery.transit_days[1], "working day")}`],
  ]);
}

const ageFacts = (age) => facts([
  ["Word", pill(age.freshness, { fresh: "good", stale: "warn", expired: "bad" }[age.freshness])],
  ["As of", `${moment(age.as_of)} (${span(age.age_seconds)} ago)`],
  ["Fresh for", span(age.fresh_for_seconds)],
  ["Sold from for", span(age.stale_for_seconds)],
  ["When expired", age.when_expired.replace("_", " ")],
  ["Buffer", age.buffer ? `${age.buffer} × what was probably sold` : null],
  ["Last known", age.last_known ? "yes: the store is away" : null],
  ...age.feeds.map((feed) => [`Feed ${feed.feed}`, `verified ${span(feed.age_seconds)} ago${feed.failing_since ? `; failing: ${feed.error ?? ""}` : ""}${feed.held_back ? `; held back: ${feed.held_back}` : ""}${feed.breaker ? `; breaker ${feed.breaker}` : ""}`]),
]);
