/** InFlight: pictures that were sent and that the server has not had yet; a slow network is not given more of them. */

const LATE_MS = 600; // what is older when it comes is of no use
const PROBE_MS = 300; // then one picture now and then finds out whether it is faster again

export class InFlight {
  constructor() {
    this.clear();
  }

  clear() {
    this.under = []; // times of pictures under way, oldest first
    this.lastAt = -Infinity;
  }

  sent(takenMs, now) {
    this.under.push(takenMs);
    if (this.under.length > 256) this.under.shift();
    this.lastAt = now;
  }

  /** The server has the picture of this time, and all before. */
  received(takenMs) {
    this.under = this.under.filter((one) => one > takenMs + 0.1);
  }

  room(now) {
    return !this.under.length || now - this.under[0] < LATE_MS || now - this.lastAt > PROBE_MS;
  }
}
