/** Mouse and fingers on the video: a drag looks round, with Alt or after a double click it goes round a thing. */

const DOUBLE_MS = 350;
const DOUBLE_PX = 12;
const RATE_MS = 25; // movements in between are added up
const NOTCH_PX = 100; // of a wheel
const MOST_NOTCHES = 5; // in one event: some wheels tell a whole page at once

/**
 * Calls `send([{t_ms, event}])` while `active()`. `button` is the mouse button that looks; the right one goes round
 * where the left one looks.
 */
export class FlightPointer {
  constructor({ surface, stage, send, active, button = 0 }) {
    Object.assign(this, { surface, stage, send, active, button, invert: false });
    this.fingers = new Map();
    this.outbox = [];
    const listen = (name, act, options) => surface.addEventListener(name, act, options);
    listen("pointerdown", (event) => this.#down(event));
    listen("pointermove", (event) => this.#moved(event));
    for (const end of ["pointerup", "pointercancel"]) listen(end, (event) => this.fingers.delete(event.pointerId));
    listen("wheel", (event) => this.#wheel(event), { passive: false });
    listen("contextmenu", (event) => this.active() && event.preventDefault());
  }

  release() {
    this.fingers.clear();
    clearTimeout(this.timer);
    this.timer = null;
    this.outbox = [];
  }

  #down(event) {
    const mouse = event.pointerType === "mouse";
    if (!this.active() || (mouse ? ![0, 2].includes(event.button) : this.button === 2)) return;
    if (mouse && this.button === 2 && event.button === 0) return; // the left one drags things
    event.preventDefault();
    this.surface.focus({ preventScroll: true });
    this.surface.setPointerCapture(event.pointerId);
    const place = this.stage.place(event);
    const round = event.altKey || event.ctrlKey || (mouse && event.button !== this.button) || this.#again(event);
    this.fingers.set(event.pointerId, { place, round });
    if (round) this.#say({ type: "orbit", x: place[0], y: place[1] }); // from now on it goes round this
  }

  #again({ clientX, clientY, timeStamp }) {
    const before = this.last;
    this.last = { clientX, clientY, timeStamp };
    if (!before || timeStamp - before.timeStamp > DOUBLE_MS) return false;
    return Math.hypot(clientX - before.clientX, clientY - before.clientY) < DOUBLE_PX;
  }

  #moved(event) {
    const finger = this.fingers.get(event.pointerId);
    if (!finger || !this.active()) return;
    const place = this.stage.place(event);
    const [dx, dy] = [place[0] - finger.place[0], place[1] - finger.place[1]];
    const pair = [...this.fingers.values()];
    const apart = pair.length === 2 ? distance(pair) : 0;
    finger.place = place;
    if (pair.length === 2) this.#pinch(distance(pair) - apart, dx / 2, dy / 2);
    else if (finger.round) this.#say({ type: "orbit", dx, dy });
    else this.#say({ type: "look", dx: this.invert ? -dx : dx, dy: this.invert ? -dy : dy });
  }

  /** Two fingers: apart is forward, along together goes round. */
  #pinch(apart, dx, dy) {
    if (Math.abs(apart) > 1e-4) this.#say({ type: "dolly", amount: 10 * apart });
    this.#say({ type: "orbit", dx, dy });
  }

  #wheel(event) {
    if (!this.active()) return;
    event.preventDefault();
    const pixels = (event.deltaY || event.deltaX) * [1, 16, 400][event.deltaMode];
    const amount = Math.max(-MOST_NOTCHES, Math.min(MOST_NOTCHES, -pixels / NOTCH_PX));
    if (amount) this.#say({ type: event.shiftKey ? "zoom" : "dolly", amount });
  }

  #say(event) {
    const newest = this.outbox.at(-1)?.event;
    const adds = newest?.type === event.type && event.x === undefined;
    if (adds) for (const name of ["dx", "dy", "amount"]) if (name in event) newest[name] = (newest[name] ?? 0) + event[name];
    if (!adds) this.outbox.push({ t_ms: performance.now(), event });
    this.timer ??= setTimeout(() => this.#flush(), RATE_MS);
  }

  #flush() {
    this.timer = null;
    const events = this.outbox;
    this.outbox = [];
    this.send(events);
  }
}

function distance([{ place: a }, { place: b }]) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
