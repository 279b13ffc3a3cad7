/** RegionPicker: a part of a picture, as a box that is drawn or what a brush touches; with the keyboard, a box that moves. */

const SMALLEST = 0.03; // of the picture; less is a slip of the hand
const MOST_POINTS = 300;
const STEP = 0.02;
const MIDDLE = [0.25, 0.25, 0.75, 0.75];
export const WHOLE = [0, 0, 1, 1];
export const BRUSH_RADIUS = 0.06; // widths

const clamped = (value) => Math.min(1, Math.max(0, value));
const rounded = (value) => Math.round(1e4 * value) / 1e4;

/** The box between two corners; null where it is too small to be meant. */
export function boxOf([ax, ay], [bx, by]) {
  const box = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)].map(clamped).map(rounded);
  return box[2] - box[0] >= SMALLEST && box[3] - box[1] >= SMALLEST ? box : null;
}

/** A stroke of at most some hundred points inside the picture. */
export function strokeOf(points) {
  const every = Math.max(1, Math.ceil(points.length / MOST_POINTS));
  return points.filter((_, i) => i % every === 0).map((point) => point.map(clamped).map(rounded));
}

/** A box moved, or with `grow` made larger or smaller, staying inside the picture. */
export function nudged([left, top, right, bottom], [dx, dy], grow) {
  if (grow) {
    const box = boxOf([left, top], [Math.max(left + SMALLEST, right + dx), Math.max(top + SMALLEST, bottom + dy)]);
    return box ?? [left, top, right, bottom];
  }
  const x = Math.min(1 - right, Math.max(-left, dx));
  const y = Math.min(1 - bottom, Math.max(-top, dy));
  return [left + x, top + y, right + x, bottom + y].map(rounded);
}

/** What the provider is told of a region; null is the whole picture. */
export function regionEvent(on, region) {
  if (region?.brush) return { type: "region", on, brush: region.brush, radius: region.radius };
  return { type: "region", on, box: region?.box ?? WHOLE };
}

export class RegionPicker {
  /** Lies over all of `holder`; `onPick(region)` is called with {box} or {brush, radius}. */
  constructor({ holder, label, onPick }) {
    Object.assign(this, { holder, onPick, mode: null, region: null, points: [] });
    this.canvas = document.createElement("canvas");
    this.canvas.className = "region";
    this.surface = document.createElement("div");
    Object.assign(this.surface, { className: "pick", hidden: true, tabIndex: 0, role: "application" });
    this.surface.ariaLabel = `${label}: drag to choose a part. Arrow keys move a box, with Shift they size it.`;
    holder.append(this.canvas, this.surface);
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel", "keydown"]) {
      this.surface.addEventListener(name, (event) => this[`on_${name}`](event));
    }
    new ResizeObserver(() => this.draw()).observe(holder);
  }

  /** null, "box" or "brush". */
  setMode(mode) {
    this.mode = mode;
    this.points = [];
    this.surface.hidden = mode === null;
    this.draw();
  }

  set(region) {
    this.region = region;
    this.draw();
  }

  on_pointerdown(event) {
    if (event.button !== 0 || this.points.length) return;
    event.preventDefault();
    this.surface.focus({ preventScroll: true });
    this.surface.setPointerCapture(event.pointerId);
    this.points = [this.#place(event)];
    this.draw();
  }

  on_pointermove(event) {
    if (!this.points.length) return;
    const samples = event.getCoalescedEvents?.() ?? [];
    for (const sample of samples.length ? samples : [event]) this.points.push(this.#place(sample));
    this.draw();
  }

  on_pointerup() {
    const region = this.#drawn();
    this.points = [];
    if (region) {
      this.region = region;
      this.onPick(region);
    }
    this.draw();
  }

  on_pointercancel() {
    this.points = [];
    this.draw();
  }

  on_keydown(event) {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    this.region = { box: this.region?.box ? nudged(this.region.box, step, event.shiftKey) : MIDDLE };
    this.onPick(this.region);
    this.draw();
  }

  draw() {
    const { canvas, holder } = this;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [holder.clientWidth, holder.clientHeight].map((side) => Math.round(side * scale));
    if (!width || !height) return;
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const region = this.#drawn() ?? this.region;
    if (region?.box) drawBox(context, region.box, { width, height, scale, dim: this.mode !== null });
    if (region?.brush) drawBrush(context, region, width, height);
  }

  #drawn() {
    const { points, mode } = this;
    if (!points.length) return null;
    if (mode === "brush") return { brush: strokeOf(points), radius: BRUSH_RADIUS };
    const box = boxOf(points[0], points.at(-1));
    return box && { box };
  }

  #place(event) {
    const box = this.holder.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }
}

function drawBox(context, [left, top, right, bottom], { width, height, scale, dim }) {
  const [x, y, w, h] = [left * width, top * height, (right - left) * width, (bottom - top) * height];
  context.fillStyle = "rgb(8 10 14 / 45%)";
  if (dim) context.fillRect(0, 0, width, height);
  context.clearRect(x, y, w, h);
  for (const [colour, line] of [["#000a", 4], ["#fff", 2]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: line * scale });
    context.strokeRect(x, y, w, h);
  }
}

function drawBrush(context, { brush, radius }, width, height) {
  Object.assign(context, { lineCap: "round", lineJoin: "round", globalAlpha: 0.4 });
  Object.assign(context, { strokeStyle: "#fff", lineWidth: 2 * radius * width });
  context.beginPath();
  context.moveTo(brush[0][0] * width, brush[0][1] * height);
  for (const [x, y] of brush.length > 1 ? brush.slice(1) : brush) context.lineTo(x * width, y * height);
  context.stroke();
  context.globalAlpha = 1;
}
