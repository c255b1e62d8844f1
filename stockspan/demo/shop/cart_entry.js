// One reservation in the cart: what it looks like in each state, and who counts its units.

import { $, element, say } from "./page.js";
import { money, number, plural, quantity, text } from "./words.js";

export const ENDED = ["released", "expired", "cancelled"];
const STEPS = { held: ["confirm", "release"], confirmed: ["cancel"] };

export function makeEntry(entry, { step, remove, again }) {
  const root = $("#entry").content.cloneNode(true).firstElementChild;
  for (const button of root.querySelectorAll("[data-step]"))
    button.addEventListener("click", () => step(entry, button.dataset.step));
  $(".remove", root).addEventListener("click", () => remove(entry));
  $(".again", root).addEventListener("click", () => again(entry));
  for (const { article } of entry.lines) {
    const body = $("#count").content.cloneNode(true).firstElementChild;
    $(".of", body).textContent = article.name;
    $(".heading", body).hidden = entry.lines.length < 2;
    $(".figures", root).append(body);
  }
  return root;
}

export function showEntry(entry) {
  const { root, lines, worth, body } = entry;
  const state = body?.state ?? "";
  root.dataset.state = state;
  root.dataset.reservation = entry.id;
  for (const part of root.querySelectorAll("[data-text]")) say(part, text(part.dataset.text));
  say($(".title", root), title(body));
  say($(".chip", root), state && text(`state_${state}`));
  say($(".story", root), story(entry));
  showLines($(".what", root), lines);
  say($(".worth b", root), money(worth));
  showSteps(entry, state);
  showFigures(entry);
  showLeft(entry);
}

function title(body) {
  if (body?.order_ref && body.state !== "cancelled") return text("thanks", { order: body.order_ref });
  return text(body?.state === "held" ? "held_for_you" : "cart");
}

function showLines(list, lines) {
  const words = lines.map(({ article, amount }) => [article.name, quantity(article, amount)]);
  if (list.dataset.shown === String(words)) return;
  list.dataset.shown = String(words);
  list.replaceChildren(...words.map(([name, many]) => {
    const row = element("li", "");
    row.append(element("span", name), element("b", many));
    return row;
  }));
}

// How long the hold lasts yet, as minutes and seconds; null when it is none.
export function timeLeft({ body }) {
  if (body?.state !== "held") return null;
  const seconds = Math.ceil(Math.max(0, Date.parse(body.expires_at) - Date.now()) / 1_000);
  return [Math.floor(seconds / 60), seconds % 60].map((part) => String(part).padStart(2, "0")).join(":");
}

export function showLeft(entry) {
  const time = timeLeft(entry);
  say($(".left", entry.root), time === null ? "" : text("left", { time }));
}

function showSteps({ root, lines, busy }, state) {
  const possible = STEPS[state] ?? [];
  const what = amounts(lines, true);
  const show = (button, name, shown) => {
    say(button, text(name));
    button.setAttribute("aria-label", `${text(name)}: ${what}`);
    button.hidden = !shown;
  };
  for (const button of root.querySelectorAll("[data-step]")) {
    show(button, `step_${button.dataset.step}`, possible.includes(button.dataset.step));
    button.disabled = Boolean(busy);
  }
  show($(".again", root), "again", state === "expired");
  show($(".remove", root), "remove", Boolean(state) && !(state in STEPS));
}

function story({ lines, body }) {
  if (!body) return "";
  const told = text(`story_${chapter(body)}`, { amount: amounts(lines), order: body.order_ref ?? "" });
  const many = lines.flatMap(({ article }, place) => {
    const ahead = body.lines[place]?.backordered; // units that are not there yet
    return ahead ? [quantity(article, ahead)] : [];
  });
  if (!many.length || ENDED.includes(body.state)) return told;
  return `${told} ${text("ahead", { amount: many.join(" + ") })}`;
}

// One line is told by its amount, or by its name; several by how many they are.
function amounts(lines, named = false) {
  if (lines.length > 1) return plural("articles", lines.length);
  return named ? lines[0].article.name : quantity(lines[0].article, lines[0].amount);
}

// Where an order's story stands; that of any other reservation is its state.
export function chapter({ state, order }) {
  if (!order || state === "cancelled") return order ? "cancelled" : state;
  if (order.dispatched) return "dispatched";
  if (state === "acknowledged") return order.booked ? "booked" : "acknowledged";
  return order.kept ? "kept" : "confirmed";
}

// Before and after the ERP's own figures had the order; and now, when more has been sold since.
function showFigures({ root, body, before, after }) {
  const over = !body?.figures || ENDED.includes(body.state) || body.lines.some((line) => line.backordered);
  $(".counting", root).hidden = over;
  if (over) return;
  const both = before && after;
  $(".figures", root).querySelectorAll("tbody").forEach((table, place) => {
    const figure = body.figures[place];
    if (!figure) return;
    $(".before", table).hidden = $(".after", table).hidden = !both;
    if (both) {
      showRow($(".before", table), before[place]);
      showRow($(".after", table), after[place]);
    }
    showRow($(".now", table), figure);
    $(".now", table).hidden = Boolean(both) && same(after[place], figure);
  });
}

const same = (one, other) => one.erp_free === other.erp_free && one.salable === other.salable;

// For a second one of the two may not have heard of the other.
export const agrees = ({ erp_free, ours, salable }) =>
  erp_free !== null && Math.abs(Math.max(0, erp_free - ours) - salable) < 0.0005;

function showRow(row, figure) {
  const told = (value) => (value === null ? "–" : number(value));
  say($(".free", row), told(figure.erp_free));
  say($(".taken", row), `− ${told(figure.ours)}`);
  say($(".sale", row), `${agrees(figure) ? "=" : "≈"} ${told(figure.salable)}`);
}

export const stateLine = ({ lines, body }) => `${amounts(lines, true)}: ${text(`state_${body.state}`)}`;
