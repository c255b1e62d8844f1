// Ready or not, and why.

import { $, pill } from "./elements.js";
import { plural } from "./words.js";

const NAMES = { store: "the store does not answer", ledger: "the ledger does not answer", holds: "promised holds are not restored yet" };

export function showReadiness(state) {
  const wrong = state.checks.filter(({ ok }) => !ok).map(({ name }) => NAMES[name] ?? `${name.replace(/^feed:/, "feed ")} was never loaded`);
  const failing = state.feeds.filter(({ failing_since }) => failing_since).map(({ feed }) => feed);
  const down = state.workers.filter(({ up }) => !up).map(({ worker }) => worker);
  const notes = [...wrong];
  if (failing.length) notes.push(`${plural(failing.length, "feed fails", "feeds fail")}: ${failing.join(", ")}`);
  const held = state.feeds.filter(({ held_back }) => held_back).map(({ feed }) => feed);
  if (held.length) notes.push(`${plural(held.length, "snapshot waits", "snapshots wait")} for a decision: ${held.join(", ")}`);
  if (down.length) notes.push(`${plural(down.length, "worker does", "workers do")} not answer`);
  const text = notes.join(" · ");
  const said = `${state.ready}|${text}`;
  const place = $("#readiness");
  if (place.dataset.said === said) return;
  place.dataset.said = said;
  const tone = !state.ready ? "bad" : notes.length ? "warn" : "good";
  place.replaceChildren(pill(state.ready ? "Ready" : "Not ready", tone), ` ${text || "All is well."}`);
  document.title = `${state.ready ? (notes.length ? "⚠ " : "") : "✖ "}Stockspan · operations`;
}
