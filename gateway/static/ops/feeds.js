// Feeds, and what is to become of a snapshot that is held back.

import { $, Rows, cell, element, pill, row } from "./elements.js";
import { Away, ask } from "./session.js";
import { DASH, count, moment, plural, share, span } from "./words.js";

const PATIENCE = 25_000; // a loader has 15 s to answer

const ACTS = {
  release: {
    name: "Release", title: "Release this snapshot?",
    text: ({ feed, held_back }) => `The snapshot of ${feed} takes effect as it was judged: ${plural(held_back.rows ?? 0, "row")} written, records removed at ${plural(held_back.removals ?? 0, "place")}.`,
  },
  discard: {
    name: "Discard", title: "Discard this snapshot?",
    text: ({ feed }) => `The snapshot of ${feed} is dropped. What was loaded last goes on being served.`,
  },
};

export class Feeds {
  constructor(changed) {
    this.changed = changed;
    this.rows = new Rows($("#feeds"), (feed) => this.draw(feed));
  }

  show({ feeds, leader, limits }) {
    $("#leader").replaceChildren(...(leader ? [`Leader: ${leader}`] : [pill("no loader leads", "bad"), " feeds grow older until one starts"]));
    const told = feeds.map((feed) => ({ ...feed, freshness: freshness(feed.age_seconds, limits) }));
    this.rows.show(told.flatMap((feed) => (feed.held_back ? [feed, { held: feed }] : [feed])), nameOf);
  }

  draw(item) {
    if (item.held) return this.drawHeld(item.held);
    const feed = item;
    const title = element("b", feed.feed);
    const kind = feed.kind === feed.feed ? [] : [" ", element("small", feed.kind)];
    const drift = feed.drift && ["missing", "extra", "differing"].filter((how) => feed.drift[how]).map((how) => `${count(feed.drift[how])} ${how}`).join(", ");
    // What says nothing is left out on a narrow screen.
    const quiet = (says) => (says ? "" : "quiet");
    const n = (value, label) => cell(count(value), { className: `n ${quiet(value)}`, label });
    const rejected = n(feed.quarantined, "Rejected");
    if (feed.quarantined) rejected.classList.add("warned");
    return row(
      cell([title, ...kind], { tag: "th" }),
      cell(conditions(feed), { label: "State" }),
      cell(moment(feed.verified_through), { label: "Verified through", className: "nowrap" }),
      cell(span(feed.age_seconds), { className: "n", label: "Age" }),
      n(feed.accepted, "Accepted"), n(feed.ignored, "Ignored"), rejected,
      cell(feed.drift ? (drift || "none") : DASH, { label: "Drift", className: quiet(drift) }),
      cell(feed.accuracy ? `${share(feed.accuracy.share)} of ${count(feed.accuracy.asked)}` : DASH, { label: "Accuracy", className: quiet(feed.accuracy) }),
      cell(feed.breaker ? pill(feed.breaker.replace("_", "-"), "warn") : "closed", { label: "Breaker", className: quiet(feed.breaker) }),
    );
  }

  drawHeld(feed) {
    const { reason, since, rows, rejected, removals, kept } = feed.held_back;
    const words = element("div", [
      element("p", [pill("held back", "bad"), " ", element("strong", reason)]),
      element("p", rows === null ? "" : `${plural(rows, "row")}, ${count(rejected)} rejected, ${plural(removals, "place")} to remove from; since ${moment(since)}${kept ? "" : "; not kept, so it must be read again"}`, "small"),
    ]);
    const buttons = Object.keys(ACTS).map((act) => {
      const button = element("button", ACTS[act].name, act === "release" ? "main" : "");
      button.type = "button";
      button.ariaLabel = `${ACTS[act].name} the snapshot of ${feed.feed}`;
      button.addEventListener("click", () => this.act(act, feed, buttons));
      return button;
    });
    const whole = cell(element("div", [words, element("div", buttons, "buttons")], "held"));
    whole.colSpan = 10;
    const made = row(whole);
    made.className = "held-back";
    return made;
  }

  async act(act, feed, buttons) {
    if (!(await confirmed(ACTS[act], feed))) return;
    const done = $("#done");
    for (const button of buttons) button.disabled = true;
    done.textContent = `${ACTS[act].name}: the loader is asked …`;
    try {
      const path = `/v1/ops/feeds/${encodeURIComponent(feed.feed)}/${act}`;
      const result = await ask(path, { method: "POST", patience: PATIENCE });
      done.replaceChildren(pill(result.outcome, result.outcome === "done" ? "good" : "warn"), ` ${result.text}`);
    } catch (error) {
      const said = error instanceof Away ? "The gateway does not answer; the feed's state will show what became of it." : error.message;
      done.replaceChildren(pill("failed", "bad"), ` ${said}`);
    }
    for (const button of buttons) button.disabled = false;
    this.changed();
  }
}

const nameOf = (item) => (item.held ? `held ${item.held.feed}` : `feed ${item.feed}`);

const freshness = (age, limits) => {
  if (age === null) return "never loaded";
  if (age <= limits.fresh_for_seconds) return "fresh";
  return age <= limits.stale_for_seconds ? "stale" : "expired";
};
const TONES = { fresh: "good", stale: "warn", expired: "bad", "never loaded": "bad" };

function conditions(feed) {
  const said = [pill(feed.freshness, TONES[feed.freshness])];
  if (feed.failing_since) said.push(" ", pill("failing", "bad"), ` since ${moment(feed.failing_since)}: ${feed.error ?? ""}`);
  if (feed.waits_since) said.push(" ", pill("waits", "warn"), " for a transaction of the source");
  if (feed.incomplete) said.push(" ", pill("incomplete", "bad"), " push a snapshot");
  return said;
}

function confirmed({ name, title, text }, feed) {
  const dialog = $("#confirm");
  $("#confirm-name").textContent = title;
  $("#confirm-text").textContent = text(feed);
  $("#confirm-reason").textContent = feed.held_back.reason;
  $("#confirm-yes").textContent = name;
  dialog.showModal();
  $("#confirm-no").focus();
  return new Promise((resolve) => {
    const end = (yes) => {
      dialog.close();
      resolve(yes);
    };
    $("#confirm-yes").onclick = () => end(true);
    $("#confirm-no").onclick = () => end(false);
    dialog.oncancel = () => resolve(false);
  });
}
