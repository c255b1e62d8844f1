// One request at a time, every two seconds while the page is seen; ever fewer while nobody answers.

const EVERY = 2_000;
const LONGEST = 30_000;

export class Polling {
  // `look` asks and shows; `failed` is told how long the pause is until the next try.
  constructor(look, failed) {
    this.look = look;
    this.failed = failed;
    this.timer = null;
    this.busy = false;
    this.on = false;
    this.pause = EVERY;
    document.addEventListener("visibilitychange", () => this.wake());
    addEventListener("online", () => this.wake());
  }

  start() {
    this.on = true;
    this.pause = EVERY;
    return this.turn();
  }

  stop() {
    this.on = false;
    clearTimeout(this.timer);
  }

  wake() {
    if (!this.on || document.hidden || this.busy) return;
    clearTimeout(this.timer);
    this.turn();
  }

  async turn() {
    if (this.busy || !this.on || document.hidden) return;
    this.busy = true;
    let wait = EVERY;
    try {
      await this.look();
      this.pause = EVERY;
    } catch (error) {
      this.pause = Math.min(LONGEST, 2 * this.pause);
      // Shortened by chance: not all pages come back at once.
      wait = this.pause * (0.75 + Math.random() / 4);
      this.failed(error, wait);
    }
    this.busy = false;
    if (this.on) this.timer = setTimeout(() => this.turn(), wait);
  }
}
