// Small charts of the last five minutes, in the colours of the page.

const MOST = 150;
const HEIGHT = 120;

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const axis = (more) => ({
  stroke: color("--soft"), font: "11px system-ui, sans-serif",
  grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, ...more,
});

export class Chart {
  // `lines` are names of colours; `name` and `write` say the last values to who cannot see them.
  constructor(place, name, lines, write) {
    this.place = place;
    this.name = name;
    this.lines = lines;
    this.write = write;
    this.data = [[], ...lines.map(() => [])];
    place.role = "img";
    this.plot = null;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(place);
  }

  size() {
    return { width: Math.max(120, this.place.clientWidth), height: HEIGHT };
  }

  add(at, values) {
    [at, ...values].forEach((value, place) => {
      this.data[place].push(value);
      if (this.data[place].length > MOST) this.data[place].shift();
    });
    this.place.ariaLabel = `${this.name}: ${values.map(this.write).join(", ")}`;
    if (this.plot) this.plot.setData(this.data);
    else this.draw();
  }

  draw() {
    this.plot?.destroy();
    const series = this.lines.map((line) => ({
      stroke: color(line), width: 1.75, fill: this.lines.length === 1 ? `${color(line)}22` : undefined,
      points: { show: false }, spanGaps: false,
    }));
    this.plot = new globalThis.uPlot({
      ...this.size(), legend: { show: false }, cursor: { show: false },
      scales: { y: { range: (_, __, high) => [0, high > 0 ? high * 1.15 : 1] } },
      axes: [axis({ size: 22, space: 70, values: (_, ticks) => ticks.map(clock) }), axis({ size: 44, space: 26 })],
      series: [{}, ...series],
    }, this.data, this.place);
  }
}

const clock = (second) => new Date(1000 * second).toTimeString().slice(0, 8);
