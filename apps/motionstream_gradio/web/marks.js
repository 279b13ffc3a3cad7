/** Marks: what the user placed. Those made while nothing moves wait here, and go to the server with the next start. */

const LASTING = ["pin", "path", "brush"];
const TOLD = [...LASTING, "press", "remove"];
const TOUCH = 0.03; // widths; a mark of one point can still be touched

/** A mark is an event of the provider, such as {type: "pin", x, y, radius}; it is drawn as long as it waits. */
export class Marks {
  constructor() {
    this.clear();
  }

  clear() {
    this.waiting = [];
    this.undone = [];
    this.placed = []; // {event, chunk}: what the server was told, to colour its points
  }

  add(event) {
    this.waiting.push(event);
    this.undone = [];
  }

  /** Take back the newest waiting mark; false where none waits. */
  undo() {
    if (!this.waiting.length) return false;
    this.undone.push(this.waiting.pop());
    return true;
  }

  redo() {
    if (!this.undone.length) return false;
    this.waiting.push(this.undone.pop());
    return true;
  }

  /** Take away the nearest waiting mark at a place; false where there is none. */
  removeAt(x, y, aspect) {
    const distances = this.waiting.map((event) => distanceTo(event, x, y, aspect));
    const nearest = distances.indexOf(Math.min(...distances));
    const reach = nearest < 0 ? 0 : Math.max(TOUCH, this.waiting[nearest].radius ?? 0);
    if (nearest < 0 || distances[nearest] > reach) return false;
    this.undone.push(...this.waiting.splice(nearest, 1));
    return true;
  }

  /** Hand the waiting marks over, to be sent. */
  take() {
    const events = this.waiting;
    this.waiting = [];
    this.undone = [];
    return events;
  }

  /** What a provider is told of other things, such as a camera, leaves no mark. */
  tell(event, chunk) {
    if (!TOLD.includes(event.type)) return;
    this.placed.push({ event, chunk });
    if (this.placed.length > 500) this.placed.shift();
  }

  /** Marks as they can be placed again, such as from a file: what waits, and what was told and stays. */
  all() {
    const told = this.placed.map(({ event }) => event).filter((event) => LASTING.includes(event.type));
    return [...told, ...this.waiting].map(({ live, ...event }) => event);
  }

  /** After going back to a chunk, what was told later has not happened. */
  seek(chunk) {
    this.placed = this.placed.filter((mark) => mark.chunk < chunk);
  }
}

/** In widths of the picture; `aspect` is its height / width. */
export function distanceTo(event, x, y, aspect) {
  const points = event.points ?? [[event.x, event.y]];
  return Math.min(...points.map(([px, py]) => Math.hypot(px - x, (py - y) * aspect)));
}
