// Rates and percentiles: what has been added to counters between two looks.

const WINDOW = 30_000; // milliseconds that tables and tiles speak of

const plus = (sums, more) => {
  for (const [name, value] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + value;
  return sums;
};

// A worker that was replaced counts from nought again: what was added is never less than none.
const minus = (now, before) => {
  const added = {};
  for (const [name, value] of Object.entries(now)) added[name] = Math.max(0, value - (before?.[name] ?? 0));
  return added;
};

const sum = (counts) => Object.values(counts).reduce((all, one) => all + one, 0);
const failed = (counts, hundred) =>
  sum(Object.fromEntries(Object.entries(counts).filter(([status]) => status[0] === hundred)));

// The time within which that share was answered, between the bounds of the bucket it falls into.
export function percentile(took, wanted) {
  const bounds = Object.keys(took).map((text) => [text === "+Inf" ? Infinity : Number(text), took[text]]);
  bounds.sort(([one], [other]) => one - other);
  const all = bounds.at(-1)?.[1] ?? 0;
  if (!all) return null;
  let [low, below] = [0, 0];
  for (const [bound, within] of bounds) {
    if (within >= wanted * all) {
      if (bound === Infinity) return low;
      return low + (bound - low) * ((wanted * all - below) / Math.max(1, within - below));
    }
    [low, below] = [bound, within];
  }
  return low;
}

export class Rates {
  constructor() {
    this.looks = [];
  }

  // Takes a look; gives what happened since the last, and in the window. Null at the first look.
  take(state) {
    const routes = new Map(state.routes.map((one) => [one.route, one]));
    const workers = new Map(state.workers.map((one) => [one.worker, one.figures]));
    const look = { at: performance.now(), routes, workers };
    const last = this.looks.at(-1);
    this.looks.push(look);
    while (this.looks.length > 2 && look.at - this.looks[1].at >= WINDOW) this.looks.shift();
    if (!last) return null;
    return { now: between(last, look), window: between(this.looks[0], look) };
  }
}

function between(before, after) {
  const seconds = (after.at - before.at) / 1000;
  const routes = new Map();
  const every = { by_status: {}, took: {} };
  for (const [name, now] of after.routes) {
    const old = before.routes.get(name);
    const added = { by_status: minus(now.by_status, old?.by_status), took: minus(now.took, old?.took) };
    routes.set(name, told(added, seconds));
    // What watches the gateway is no traffic.
    if (!/^\/(v1\/ops|ops|livez|readyz|metrics)/.test(name)) {
      plus(every.by_status, added.by_status);
      plus(every.took, added.took);
    }
  }
  const cpu = new Map();
  let [hits, misses, knows] = [0, 0, false];
  for (const [name, now] of after.workers) {
    const old = before.workers.get(name) ?? {};
    const added = minus(now, old);
    if ("cpu" in now && "cpu" in old) cpu.set(name, added.cpu / seconds);
    if ("near_cache_hits" in now) {
      knows = true;
      hits += added.near_cache_hits;
      misses += added.near_cache_misses ?? 0;
    }
  }
  const asked = hits + misses;
  return { seconds, routes, every: told(every, seconds), cpu, hits: knows && asked ? hits / asked : null };
}

const told = ({ by_status, took }, seconds) => ({
  rate: sum(by_status) / seconds,
  requests: sum(by_status),
  refused: failed(by_status, "4"),
  failed: failed(by_status, "5"),
  p50: percentile(took, 0.5),
  p95: percentile(took, 0.95),
  p99: percentile(took, 0.99),
});
