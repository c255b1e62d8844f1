// The operator's page: signs in, looks every two seconds, and hands on what it sees.

import { $ } from "./elements.js";
import { Feeds } from "./feeds.js";
import { Journal } from "./journal.js";
import { Lookups } from "./lookups.js";
import { Polling } from "./polling.js";
import { showPromises } from "./promises.js";
import { showReadiness } from "./readiness.js";
import { Away, ask, key, signIn, signOut } from "./session.js";
import { Traffic } from "./traffic.js";
import { span } from "./words.js";

const JOURNAL_EVERY = 5; // looks

let seenAt = null; // when the gateway last answered
let nextAt = null; // when it is asked again, while it does not
let looks = 0;

const feeds = new Feeds(() => polling.wake());
const journal = new Journal();
const traffic = new Traffic();
const lookups = new Lookups();
const polling = new Polling(look, failed);

async function look() {
  const state = await ask("/v1/ops/state");
  if (!key()) return; // signed out meanwhile
  if ($("#board").hidden) {
    $("#sign-in").hidden = true;
    $("#board").hidden = false;
    $("#leave").hidden = false;
  }
  seenAt = performance.now();
  nextAt = null;
  showBanner();
  showReadiness(state);
  feeds.show(state);
  traffic.show(state);
  showPromises(state.promises);
  lookups.allow(state.scopes.includes("explain"));
  if (looks++ % JOURNAL_EVERY === 0) await journal.look();
}

function failed(error, wait) {
  if (error.status === 401 || error.status === 403) {
    leave(error.status === 401 ? "This key is not known, or not any more." : "This key has no scope “ops”.");
    return;
  }
  if ($("#board").hidden) {
    if (error instanceof Away) $("#refused").textContent = "The gateway does not answer. It is asked again.";
    else $("#refused").textContent = error.message;
    return;
  }
  nextAt = performance.now() + wait;
  const said = error instanceof Away ? "The gateway does not answer." : `The gateway refuses: ${error.message}.`;
  showBanner(said);
}

// The strong words are read aloud when they change; the seconds beside them are not.
function showBanner(said = "") {
  const banner = $("#banner");
  banner.hidden = !nextAt;
  document.body.classList.toggle("away", Boolean(nextAt));
  if (said && $("strong", banner).textContent !== said) $("strong", banner).textContent = said;
  if (!nextAt) $("strong", banner).textContent = "";
  tick();
}

function tick() {
  if (!nextAt) return;
  const now = performance.now();
  const age = span((now - seenAt) / 1000);
  const left = span(Math.max(0, nextAt - now) / 1000);
  $("#banner span").textContent = `What is shown is ${age} old. Next try in ${left}.`;
}
setInterval(tick, 1000);

function enter() {
  $("#refused").textContent = "";
  looks = 0;
  polling.start();
}

function leave(said = "") {
  polling.stop();
  signOut();
  // What was shown was for who has signed out: a fresh page holds nothing of it.
  if (!$("#board").hidden) {
    if (said) sessionStorage.setItem("stockspan.ops.said", said);
    location.reload();
    return;
  }
  show();
  $("#refused").textContent = said;
}

function show() {
  $("#sign-in").hidden = false;
  $("#refused").textContent = sessionStorage.getItem("stockspan.ops.said") ?? "";
  sessionStorage.removeItem("stockspan.ops.said");
  $("#key").focus();
}

$("#sign-in form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn($("#key").value.trim());
  $("#key").value = "";
  polling.stop();
  enter();
});
$("#leave").addEventListener("click", () => leave());

if (key()) enter();
else show();
