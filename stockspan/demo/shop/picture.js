// A picture of an article: its own drawing in the page or its group's, and a measure from its name.

const SVG = "http://www.w3.org/2000/svg";
const HUES = { A: 24, B: 212, C: 230, D: 158, E: 262, F: 42, G: 336, H: 188, J: 8, K: 96, L: 52 };
const MEASURE = /\d[\d.,]*\s?(?:V|kW|W|J|mm²|mm|m|ml|A|lm|l|kg)(?![A-Za-z²])/;

export function picture({ sku, group, name }) {
  const chance = draws(sku);
  const made = part("svg", { viewBox: "0 0 240 150", "aria-hidden": "true", class: "picture" });
  made.style.setProperty("--hue", HUES[group] ?? 160);
  made.append(
    part("rect", { class: "ground", width: 240, height: 150 }),
    part("circle", { class: "sun", cx: 60 + chance() * 120, cy: 30 + chance() * 50, r: 48 + chance() * 26 }),
    part("ellipse", { class: "shade", cx: 120, cy: 126, rx: 46 + chance() * 14, ry: 5 }),
    part("use", {
      href: document.getElementById(`article-${sku}`) ? `#article-${sku}` : `#group-${group}`, x: 72, y: 26, width: 96, height: 96,
      transform: `rotate(${(chance() - 0.5) * 14} 120 74)`,
    }),
  );
  const measure = MEASURE.exec(name)?.[0];
  if (measure) {
    const label = part("text", { class: "measure", x: 228, y: 24, "text-anchor": "end" });
    label.textContent = measure;
    made.append(label);
  }
  return made;
}

function part(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Numbers from 0 to 1 that an article always gets again.
function draws(seed) {
  let state = 2166136261;
  for (const letter of seed) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  return () => {
    state = Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9;
    return (state >>> 0) / 2 ** 32;
  };
}
