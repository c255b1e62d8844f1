// One reservation in the cart: what it looks like in each state, and who counts its units.

import { number, quantity, text } from "./words.js";

export const ENDED = ["released", "expired", "cancelled"];
const STEPS = { held: ["confirm", "release"], confirmed: ["cancel"] };
const $ = (selector, root = document) => root.querySelector(selector);

export function makeEntry(entry, { step, remove }) {
  const root = $("#entry").content.cloneNode(true).firstElementChild;
  for (const button of root.querySelectorAll("[data-step]"))
    button.addEventListener("click", () => step(entry, button.dataset.step));
  $(".remove", root).addEventListener("click", () => remove(entry));
  return root;
}

export function showEntry(entry) {
  const { root, article, amount, body } = entry;
  const state = body?.state ?? "";
  root.dataset.state = state;
  root.dataset.reservation = entry.id;
  for (const part of root.querySelectorAll("[data-text]")) say(part, text(part.dataset.text));
  say($(".title", root), article.name);
  say($(".many", root), quantity(article, amount));
  say($(".chip", root), state && text(`state_${state}`));
  say($(".story", root), story(entry));
  showSteps(entry, state);
  showFigures(entry);
  showLeft(entry);
}

// How long the hold lasts yet.
export function showLeft({ root, body }) {
  const left = body?.state === "held" ? Math.max(0, Date.parse(body.expires_at) - Date.now()) : null;
  const seconds = Math.ceil(left / 1_000);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  const time = `${String(minutes).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
  say($(".left", root), left === null ? "" : text("left", { time }));
}

function showSteps({ root, article, busy }, state) {
  const possible = STEPS[state] ?? [];
  for (const button of root.querySelectorAll("[data-step]")) {
    const { step } = button.dataset;
    say(button, text(`step_${step}`));
    button.setAttribute("aria-label", `${text(`step_${step}`)}: ${article.name}`);
    button.hidden = !possible.includes(step);
    button.disabled = Boolean(busy);
  }
  const remove = $(".remove", root);
  say(remove, text("remove"));
  remove.setAttribute("aria-label", `${text("remove")}: ${article.name}`);
  remove.hidden = state in STEPS || !state;
}

function story({ article, amount, body }) {
  if (!body) return "";
  const told = text(`story_${chapter(body)}`, {
    amount: quantity(article, amount), order: body.order_ref ?? "",
  });
  const ahead = orderedAhead(body);
  if (!ahead || ENDED.includes(body.state)) return told;
  return `${told} ${text("ahead", { amount: quantity(article, ahead) })}`;
}

// Units that are not there yet, and in no figure of what is.
const orderedAhead = ({ lines }) => lines[0].backordered ?? 0;

// Where an order's story stands; that of any other reservation is its state.
export function chapter({ state, order }) {
  if (!order || state === "cancelled") return order ? "cancelled" : state;
  if (order.dispatched) return "dispatched";
  if (state === "acknowledged") return order.booked ? "booked" : "acknowledged";
  return order.kept ? "kept" : "confirmed";
}

// Before and after the ERP's own figure had the order; and now, when more has been sold since.
function showFigures({ root, body, before, after }) {
  const figure = body?.figures?.[0];
  const over = !figure || ENDED.includes(body.state) || orderedAhead(body) > 0;
  $(".figures", root).hidden = over;
  if (over) return;
  const both = before && after;
  $(".before", root).hidden = $(".after", root).hidden = !both;
  if (both) {
    showRow($(".before", root), before);
    showRow($(".after", root), after);
  }
  showRow($(".now", root), figure);
  $(".now", root).hidden = Boolean(both) && same(after, figure);
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

// Leaves alone what says it already, so that neither focus nor a reader is disturbed.
function say(part, words) {
  if (part.textContent !== words) part.textContent = words;
}

export const stateLine = ({ article, body }) => `${article.name}: ${text(`state_${body.state}`)}`;
