// Figures as the page writes them; null is a dash.

const whole = new Intl.NumberFormat("en");
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });

export const DASH = "–";
const orDash = (write) => (value) => (value === null || value === undefined || Number.isNaN(value) ? DASH : write(value));

export const count = orDash((value) => whole.format(value));
export const quantity = orDash((value) => exact.format(value));
export const rate = orDash((value) => (value >= 100 ? whole.format(Math.round(value)) : fine.format(value)));
export const share = orDash((value) => `${fine.format(100 * value)} %`);
export const megabytes = orDash((value) => `${whole.format(Math.round(value / 1e6))} MB`);

export const milliseconds = orDash((seconds) => {
  const ms = 1000 * seconds;
  return ms >= 100 ? `${whole.format(Math.round(ms))} ms` : `${fine.format(ms)} ms`;
});

export const span = orDash((seconds) => {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
});

export const moment = orDash((text) =>
  new Date(text).toLocaleString("sv", { dateStyle: "short", timeStyle: "medium" }));

const clock = new Intl.DateTimeFormat("sv", { timeStyle: "medium" });
export const time = (text) => clock.format(new Date(text));

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
