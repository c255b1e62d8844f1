// How much is asked, how fast it is answered, and by whom.

import { Chart } from "./charts.js";
import { $, Rows, cell, element, pill, row } from "./elements.js";
import { Rates } from "./rates.js";
import { DASH, count, megabytes, milliseconds, plural, rate, share, span } from "./words.js";

const n = (text, className = "") => cell(text, { className: `n ${className}` });

export class Traffic {
  constructor() {
    this.rates = new Rates();
    this.routes = new Rows($("#routes"), drawRoute);
    this.workers = new Rows($("#workers"), drawWorker);
    this.charts = null;
  }

  show(state) {
    this.charts ??= {
      rate: new Chart($("#chart-rate"), "Requests a second", ["--accent"], rate),
      latency: new Chart($("#chart-latency"), "Latency, p50 and p99", ["--accent", "--second"], (ms) => milliseconds(ms / 1000)),
      hits: new Chart($("#chart-hits"), "Answers from the near-cache", ["--accent"], (value) => share(value === null ? null : value / 100)),
    };
    const told = this.rates.take(state);
    if (told) {
      const at = Date.now() / 1000;
      const { every, hits } = told.now;
      const ms = (seconds) => (seconds === null ? null : 1000 * seconds);
      this.charts.rate.add(at, [every.rate]);
      this.charts.latency.add(at, [ms(every.p50), ms(every.p99)]);
      this.charts.hits.add(at, [hits === null ? null : 100 * hits]);
    }
    showTiles(state, told?.window);
    const routes = state.routes.map((route) => ({ ...route, took: null, window: told?.window.routes.get(route.route) ?? null }));
    routes.sort((one, other) => (other.window?.rate ?? 0) - (one.window?.rate ?? 0) || total(other) - total(one));
    this.routes.show(routes.filter(total), ({ route }) => route);
    const workers = state.workers.map((worker) => ({ ...worker, load: told?.window.cpu.get(worker.worker) ?? null }));
    this.workers.show(workers, ({ worker }) => worker);
  }
}

const total = ({ by_status }) => Object.values(by_status).reduce((all, one) => all + one, 0);

function drawRoute(route) {
  const { window } = route;
  return row(
    cell(element("code", route.route), { tag: "th" }),
    n(rate(window?.rate)), n(milliseconds(window?.p50)), n(milliseconds(window?.p95)), n(milliseconds(window?.p99)),
    n(count(window?.refused)), n(count(window?.failed), window?.failed ? "bad" : ""), n(count(total(route))),
  );
}

function drawWorker({ worker, up, shed, figures, load }) {
  return row(
    cell(String(worker), { tag: "th" }),
    cell(up ? pill("up", "good") : pill("silent", "bad")),
    n(share(load)), n(megabytes(figures.memory)), n(count(figures.connections)), n(milliseconds(figures.lag)),
    n(count(figures.near_cache_entries)), n(count(shed), shed ? "warned" : ""), n(count(figures.replaced)),
  );
}

function showTiles(state, window) {
  const ages = state.feeds.map(({ age_seconds }) => age_seconds).filter((age) => age !== null);
  const held = state.feeds.filter(({ held_back }) => held_back).length;
  const oldest = ages.length ? Math.max(...ages) : null;
  const { promises, limits } = state;
  const late = promises !== null && (promises.oldest_age_seconds ?? 0) > promises.acknowledge_within_seconds;
  const tones = oldest === null ? "" : oldest > limits.stale_for_seconds ? "bad" : oldest > limits.fresh_for_seconds ? "warn" : "good";
  const tiles = [
    ["Oldest feed", span(oldest), oldest === null ? "none loaded" : { good: "fresh", warn: "stale", bad: "expired" }[tones], tones],
    ["Held back", count(held), held ? "for you to decide" : "nothing waits", held ? "bad" : "good"],
    ["Requests a second", rate(window?.every.rate), window?.every.failed ? `${count(window.every.failed)} failed` : "none failed", window?.every.failed ? "bad" : "good"],
    ["Latency p99", milliseconds(window?.every.p99), `p50 ${milliseconds(window?.every.p50)}`, ""],
    ["From the near-cache", share(window?.hits), "of SKUs asked for", ""],
    ["Unacknowledged", promises ? count(promises.unacknowledged) : DASH, promises?.oldest_age_seconds ? `oldest ${span(promises.oldest_age_seconds)}` : "none waits", late ? "bad" : ""],
    ["Workers", `${state.workers.filter(({ up }) => up).length} of ${state.workers.length}`, plural(state.workers.reduce((all, { figures }) => all + (figures.connections ?? 0), 0), "connection"), state.workers.every(({ up }) => up) ? "good" : "bad"],
  ];
  const text = JSON.stringify(tiles);
  const place = $("#tiles");
  if (place.dataset.text === text) return;
  place.dataset.text = text;
  place.replaceChildren(...tiles.map(([name, value, note, tone]) => element("div", [element("dt", name), element("dd", value), element("dd", note, `note ${tone}`)])));
}
