// The journal of events, narrowed as one likes.

import { $, Rows, cell, element, pill, row } from "./elements.js";
import { Away, ask } from "./session.js";
import { moment } from "./words.js";

const TONES = { info: "", warning: "warn", error: "bad" };

export class Journal {
  constructor() {
    this.rows = new Rows($("#events"), draw);
    this.kinds = new Set();
    this.asked = 0;
    this.form = $("#filters");
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", () => this.look().catch(() => {}));
  }

  async look() {
    const mine = ++this.asked;
    const chosen = new FormData(this.form);
    const query = new URLSearchParams();
    for (const name of ["severity", "kind", "limit"]) if (chosen.get(name)) query.set(name, chosen.get(name).trim());
    if (chosen.get("since")) query.set("since", new Date(Date.now() - 1000 * chosen.get("since")).toISOString());
    let events;
    try {
      ({ events } = await ask(`/ops/journal?${query}`));
    } catch (error) {
      // The store may be away while the gateway is there: what was shown stays.
      if (error instanceof Away) throw error;
      if (mine === this.asked) $("#unfiltered").textContent = error.message;
      return;
    }
    if (mine !== this.asked) return;
    $("#unfiltered").textContent = events.length ? "" : "Nothing of the kind.";
    this.rows.show(events, ({ id }) => id);
    for (const { kind } of events) {
      if (this.kinds.has(kind)) continue;
      this.kinds.add(kind);
      const option = document.createElement("option");
      option.value = kind;
      $("#kinds").append(option);
    }
  }
}

function draw({ at, severity, kind, subject, details, source }) {
  const said = Object.entries(details).flatMap(([name, value]) => [element("span", [element("i", name), ` ${value}`], "detail"), " "]);
  return row(
    cell(moment(at), { tag: "th", className: "nowrap" }),
    cell(pill(severity, TONES[severity] ?? ""), { label: "Severity" }),
    cell(element("code", kind), { label: "Kind" }),
    cell(subject, { label: "Subject" }),
    cell(said, { label: "Details" }),
    cell(source, { label: "Seen by", className: "small" }),
  );
}
