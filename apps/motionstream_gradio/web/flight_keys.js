/** Keys that are held, from a keyboard or from buttons on the page, as the camera's events: on change, at a steady rate. */

export const RATE_MS = 33;

const CODES = {
  KeyW: "w",
  KeyA: "a",
  KeyS: "s",
  KeyD: "d",
  KeyQ: "q",
  KeyE: "e",
  ArrowLeft: "ArrowLeft",
  ArrowRight: "ArrowRight",
  ArrowUp: "ArrowUp",
  ArrowDown: "ArrowDown",
  ShiftLeft: "Shift",
  ShiftRight: "Shift",
};

/** The flight key of a keyboard event, by its place on the keyboard, so that other layouts fly too; or null. */
export function flightKey({ code, key = "" }) {
  if (code) return CODES[code] ?? null;
  return Object.values(CODES).find((name) => name.toLowerCase() === key.toLowerCase()) ?? null;
}

/**
 * Calls `send([{t_ms, event}, ...])`. A tap shorter than the rate is not lost: each change keeps its time, and several
 * go together. `clock()` tells milliseconds.
 */
export class FlightKeys {
  constructor({ send, clock = () => performance.now() }) {
    Object.assign(this, { send, clock, pace: 1, lastSent: -Infinity });
    this.held = new Map(); // name -> the sources that hold it
    this.outbox = [];
    this.told = "[]";
  }

  get names() {
    return [...this.held.keys()];
  }

  down(name, source = "keyboard") {
    this.held.set(name, new Set([...(this.held.get(name) ?? []), source]));
    this.#changed();
  }

  up(name, source = "keyboard") {
    const sources = this.held.get(name);
    if (!sources?.delete(source)) return;
    if (!sources.size) this.held.delete(name);
    this.#changed();
  }

  /** Let go of everything, such as when nobody can tell any more which keys are down. */
  release() {
    this.held.clear();
    this.#changed();
  }

  /** What was told is forgotten, as by a stream that begins. */
  forget() {
    clearTimeout(this.timer);
    Object.assign(this, { timer: null, outbox: [], told: "[]" });
    this.held.clear();
  }

  /** A multiple of the speeds; while keys are held it counts at once. */
  setPace(pace) {
    this.pace = pace;
    this.#changed();
  }

  #changed() {
    const keys = this.names.sort();
    const said = JSON.stringify(keys.length ? [...keys, this.pace] : []);
    if (said === this.told) return;
    this.told = said;
    this.outbox.push({ t_ms: this.clock(), event: { type: "keys", keys, pace: this.pace } });
    const wait = RATE_MS - (this.clock() - this.lastSent);
    if (wait <= 0) this.#flush();
    else this.timer ??= setTimeout(() => this.#flush(), wait);
  }

  #flush() {
    clearTimeout(this.timer);
    this.timer = null;
    this.lastSent = this.clock();
    const events = this.outbox;
    this.outbox = [];
    if (events.length) this.send(events);
  }
}
