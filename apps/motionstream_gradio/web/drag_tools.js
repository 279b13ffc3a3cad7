/** The tools: what a pointer on the stage does. One finger or mouse is one pointer, and several may work at a time. */

import { COLOURS } from "./overlay.js";

const TAP = 0.012; // widths; a shorter gesture is a tap
const STROKE_STEP = 0.008; // widths between corners of a drawn path
const SLOWEST = 0.05; // widths a second, of a gesture that becomes a path
const FASTEST = 2;
const MOST_BRUSH_POINTS = 400;

export const TOOLS = {
  drag: { colour: COLOURS.live, sized: true },
  pin: { colour: COLOURS.still, sized: true },
  path: { colour: COLOURS.path, sized: true },
  brush: { colour: COLOURS.live, sized: true },
  erase: { colour: "#ffffff", sized: false },
};

/**
 * `hands` are the pressed grids, `stroke` the mark being drawn, `cursor` where the pointer hovers: for the overlay.
 * `grid` holds radius, spacing, falloff and shape of what is picked next; `path` speed and ease; `brush` pinned.
 */
export class DragTools {
  constructor({ stage, stream, surface }) {
    Object.assign(this, { stage, stream, surface, tool: "drag", scanHz: 60 });
    this.grid = { radius: 0.12, spacing: 0.04, falloff: 0, shape: "disc" };
    this.path = { speed: 0.3, ease: true };
    this.brush = { pinned: false };
    this.gestures = new Map();
    this.outbox = [];
    surface.addEventListener("pointerdown", (event) => this.#down(event));
    surface.addEventListener("pointermove", (event) => this.#moved(event));
    for (const end of ["pointerup", "pointercancel"]) surface.addEventListener(end, (event) => this.#up(event));
    surface.addEventListener("pointerleave", () => (this.hover = null));
  }

  get hands() {
    return [...this.gestures.values()].filter(({ kind }) => kind === "live").map((gesture) => gesture.hand);
  }

  get strokes() {
    return [...this.gestures.values()].flatMap((gesture) => this.#strokeMark(gesture) ?? []);
  }

  get cursor() {
    if (!this.hover || this.gestures.size) return null;
    const { colour, sized } = TOOLS[this.tool];
    const radius = sized ? this.grid.radius : 0;
    return { x: this.hover[0], y: this.hover[1], radius, shape: this.grid.shape, colour, cross: this.tool === "erase" };
  }

  /** Let go of everything, such as when the stream stops under the pointer. */
  release() {
    this.gestures.clear();
  }

  /** Forget what is being drawn; pressed grids stay pressed. */
  drop() {
    for (const [id, { kind }] of this.gestures) if (kind !== "live") this.gestures.delete(id);
  }

  /** The keyboard's pointer: down, move and up at a place. */
  key(phase, place) {
    this.hover = place;
    if (phase === "down") this.#begin("key", place, performance.now());
    else if (phase === "move") this.#continue("key", [[place, performance.now()]]);
    else this.#end("key", place, performance.now());
  }

  #down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.surface.focus({ preventScroll: true });
    this.surface.setPointerCapture(event.pointerId);
    this.#begin(event.pointerId, this.stage.place(event), event.timeStamp);
  }

  #moved(event) {
    this.hover = event.pointerType === "touch" ? null : this.stage.place(event);
    if (!this.gestures.has(event.pointerId)) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const samples = (events.length ? events : [event]).map((one) => [this.stage.place(one), one.timeStamp]);
    this.#continue(event.pointerId, samples);
  }

  #up(event) {
    if (event.pointerType === "touch") this.hover = null;
    this.#end(event.pointerId, this.stage.place(event), event.timeStamp);
  }

  #begin(id, place, time) {
    const { tool, stream } = this;
    if (!stream.hasPicture) return;
    const live = tool === "drag" && stream.moving;
    const number = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].find((n) => ![...this.gestures.values()].some((g) => g.number === n));
    if (number === undefined) return; // more fingers than a hand has
    const gesture = { kind: live ? "live" : tool, number, points: [place], times: [time] };
    this.gestures.set(id, gesture);
    if (live) {
      gesture.hand = { x: place[0], y: place[1], from: place, ...this.grid };
      gesture.hand.taken = stream.told.roles.takes(place, this.stage.aspect);
      this.#say(time, { type: "press", x: place[0], y: place[1], pointer: number, ...this.grid });
      this.#flush();
    } else if (tool === "erase") this.#erase(place);
    else if (tool === "pin") this.#placePin(place);
  }

  #continue(id, samples) {
    const gesture = this.gestures.get(id);
    if (!gesture) return;
    for (const [place, time] of samples) {
      if (gesture.kind === "live") this.#follow(gesture, place, time);
      else if (this.#far(gesture.points.at(-1), place) >= STROKE_STEP) {
        gesture.points.push(place);
        gesture.times.push(time);
        if (gesture.kind === "erase") this.#erase(place);
      }
    }
  }

  #end(id, place, time) {
    const gesture = this.gestures.get(id);
    if (!gesture) return;
    this.gestures.delete(id);
    if (gesture.kind === "live") {
      this.#say(time, { type: "release", x: place[0], y: place[1], pointer: gesture.number });
      this.#flush();
      this.stream.marks.tell({ ...this.#pathOf(gesture), live: true }, this.stream.chunk); // to be saved
      return;
    }
    gesture.points.push(place);
    gesture.times.push(time);
    const mark = this.#strokeMark(gesture);
    if (mark) this.stream.place(mark);
    else if (gesture.kind === "drag") this.#placePin(place); // a tap while nothing moves: it shall stay
  }

  #follow(gesture, [x, y], time) {
    Object.assign(gesture.hand, { x, y });
    gesture.points.push([x, y]);
    gesture.times.push(time);
    this.#say(time, { type: "move", x, y, pointer: gesture.number });
    this.timer ??= setTimeout(() => this.#flush(), 1000 / this.scanHz);
  }

  #say(time, event) {
    this.outbox.push({ t_ms: Math.max(0, time), event });
  }

  #flush() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.outbox.length) this.stream.act(this.outbox);
    this.outbox = [];
  }

  #placePin([x, y]) {
    const { radius, spacing } = this.grid;
    this.stream.place({ type: "pin", x, y, radius, spacing });
  }

  #erase([x, y]) {
    this.stream.erase(x, y, this.stage.aspect);
  }

  /** The mark that a gesture would leave now; null for a tap, and for what works at once. */
  #strokeMark({ kind, points, times }) {
    if (kind === "brush") return this.#brushed(points);
    if (kind !== "path" && kind !== "drag") return null;
    return this.#length(points) < TAP ? null : this.#pathOf({ kind, points, times });
  }

  #pathOf({ kind, points, times }) {
    const drawn = kind !== "path";
    const speed = drawn ? this.#drawnSpeed(points, times) : this.path.speed;
    return { type: "path", points, speed, ease: !drawn && this.path.ease, ...this.grid };
  }

  /** A drag while nothing moves is done again as fast as it was drawn. */
  #drawnSpeed(points, times) {
    const seconds = Math.max(0.1, (times.at(-1) - times[0]) / 1000);
    return Math.min(FASTEST, Math.max(SLOWEST, this.#length(points) / seconds));
  }

  /** Points of the lattice that the stroke passed over; the brush is as wide as half a grid. */
  #brushed(stroke) {
    const { aspect } = this.stage;
    const { spacing } = this.grid;
    const reach = Math.max(this.grid.radius / 2, spacing / 2);
    const cells = new Map();
    for (const [x, y] of stroke) {
      const steps = Math.ceil(reach / spacing);
      const [ci, cj] = [Math.round(x / spacing), Math.round((y * aspect) / spacing)];
      for (let j = cj - steps; j <= cj + steps; j++) {
        for (let i = ci - steps; i <= ci + steps; i++) {
          const point = [i * spacing, (j * spacing) / aspect];
          const inside = point.every((value) => value >= 0 && value < 1);
          if (inside && this.#far(point, [x, y]) <= reach && cells.size < MOST_BRUSH_POINTS) cells.set(`${i},${j}`, point);
        }
      }
    }
    return cells.size ? { type: "brush", points: [...cells.values()], pinned: this.brush.pinned } : null;
  }

  #length(points) {
    return points.slice(1).reduce((sum, point, i) => sum + this.#far(points[i], point), 0);
  }

  #far([ax, ay], [bx, by]) {
    return Math.hypot(bx - ax, (by - ay) * this.stage.aspect);
  }
}
