// Elements made of text alone: what comes from outside never becomes markup.

export const $ = (selector, root = document) => root.querySelector(selector);

export function element(tag, content = "", className = "") {
  const made = document.createElement(tag);
  if (content instanceof Node) made.append(content);
  else if (Array.isArray(content)) made.append(...content);
  else made.textContent = content;
  if (className) made.className = className;
  return made;
}

// A word in a colour: the word says the same without it.
export const pill = (word, tone) => element("span", word, `pill ${tone}`);

// A cell; `label` is its column's name, for narrow screens on which rows become cards.
export function cell(content, { tag = "td", className = "", label = "" } = {}) {
  const made = element(tag, content, className);
  if (tag === "th") made.scope = "row";
  if (label) made.dataset.label = label;
  return made;
}

export function row(...cells) {
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
}

export function table(names, rows, caption) {
  const made = element("table");
  made.append(element("caption", caption));
  const head = names.map((name) => {
    const [text, numeric] = Array.isArray(name) ? [name[0], true] : [name, false];
    const cell = element("th", text, numeric ? "n" : "");
    cell.scope = "col";
    return cell;
  });
  made.append(element("thead", row(...head)), element("tbody", rows));
  const wide = element("div", made, "wide");
  wide.tabIndex = 0;
  wide.role = "region";
  wide.ariaLabel = caption;
  return wide;
}

// Pairs of a name and what is to be said; what is null is left out.
export function facts(pairs) {
  const made = element("dl", "", "facts");
  for (const [name, said] of pairs) {
    if (said === null || said === undefined || said === "") continue;
    made.append(element("div", [element("dt", name), element("dd", said)]));
  }
  return made;
}

// Rows that are drawn anew only where they differ, so that a focused button stays where it is.
export class Rows {
  constructor(body, draw) {
    this.body = body;
    this.draw = draw;
    this.known = new Map();
  }

  show(items, nameOf) {
    const before = this.known;
    this.known = new Map();
    const rows = items.map((item) => {
      const name = nameOf(item);
      const text = JSON.stringify(item);
      const old = before.get(name);
      const drawn = old?.text === text ? old : { text, row: this.draw(item) };
      this.known.set(name, drawn);
      return drawn.row;
    });
    const same = rows.length === this.body.children.length &&
      rows.every((drawn, place) => this.body.children[place] === drawn);
    if (same) return;
    const focused = this.body.contains(document.activeElement) && document.activeElement;
    this.body.replaceChildren(...rows);
    if (focused && this.body.contains(focused)) focused.focus();
  }
}
