/** What is drawn over the video: the tracks that the model was told, waiting marks, and the grid under the pointer. */

export const COLOURS = { live: "#3ddc84", still: "#ff5d5d", path: "#5b9dff" };

const TRAIL_FRAMES = 8;
const HANDLE = 0.03; // widths; where an old grid is held

/** Draws on `canvas`; positions are parts of the picture, lengths are widths. */
export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  /**
   * scene: {tracks, waiting, hands, cursor, stroke, told, showTracks, colour, aspect}; see `live_view.js`.
   */
  draw(scene) {
    const { context, canvas } = this;
    this.unit = canvas.width;
    this.pixel = Math.max(1, canvas.width / (canvas.clientWidth || canvas.width));
    this.aspect = scene.aspect;
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (scene.told) {
      context.fillStyle = "#0b0d10";
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    if (scene.tracks && (scene.showTracks || scene.told)) this.#tracks(scene);
    for (const mark of scene.waiting) this.#mark(mark);
    if (scene.stroke) this.#mark(scene.stroke);
    for (const hand of scene.hands) this.#hand(hand);
    if (scene.cursor) this.#cursor(scene.cursor);
  }

  #at([x, y]) {
    return [x * this.canvas.width, y * this.canvas.height];
  }

  #tracks({ tracks, colour: chosen }) {
    const { context, pixel } = this;
    const size = Math.max(1.6, Math.min(3.2, 60 / Math.sqrt(tracks.count + 1))) * pixel;
    for (let i = 0; i < tracks.count; i++) {
      if (!tracks.seen(i)) continue;
      const place = tracks.at(i);
      const colour = chosen ? chosen(i, tracks.count) : COLOURS[tracks.role(i)];
      if (!tracks.still(i)) this.#line(tracks.trail(i, TRAIL_FRAMES), colour, 1.5 * pixel, 0.55);
      this.#dot(place, size, colour);
    }
    context.globalAlpha = 1;
  }

  #mark(mark) {
    if (mark.type === "path") this.#path(mark);
    else if (mark.type === "pin") this.#grid(mark, COLOURS.still);
    else if (mark.type === "brush") for (const p of mark.points) this.#dot(p, 2.4 * this.pixel, markColour(mark));
    else if (mark.type === "remove") this.#cross(mark);
  }

  #path(mark) {
    const [first, ...rest] = mark.points;
    this.#grid({ ...mark, x: first[0], y: first[1] }, COLOURS.path);
    if (!rest.length) return;
    this.#line(mark.points, "#000", 5 * this.pixel, 0.35);
    this.#line(mark.points, COLOURS.path, 3 * this.pixel, 1);
    this.#arrow(mark.points);
  }

  #arrow(points) {
    const [tx, ty] = this.#at(points.at(-1));
    const from = points.findLast((p) => Math.hypot(...this.#between(p, points.at(-1))) > 8 * this.pixel) ?? points[0];
    const [dx, dy] = this.#between(from, points.at(-1));
    const length = Math.hypot(dx, dy) || 1;
    const [ux, uy] = [(dx / length) * 11 * this.pixel, (dy / length) * 11 * this.pixel];
    const { context } = this;
    context.globalAlpha = 1;
    context.fillStyle = COLOURS.path;
    context.beginPath();
    context.moveTo(tx + ux * 0.7, ty + uy * 0.7);
    context.lineTo(tx - ux - uy * 0.7, ty - uy + ux * 0.7);
    context.lineTo(tx - ux + uy * 0.7, ty - uy - ux * 0.7);
    context.fill();
  }

  #between(a, b) {
    const [ax, ay] = this.#at(a);
    const [bx, by] = this.#at(b);
    return [bx - ax, by - ay];
  }

  #grid({ x, y, radius = 0, spacing = 0.05, shape = "disc" }, colour) {
    this.#outline({ x, y, radius, shape }, colour, 0.9);
    for (const [dx, dy] of gridOffsets(radius, spacing, shape)) {
      this.#dot([x + dx, y + dy / this.aspect], 2 * this.pixel, colour);
    }
  }

  #outline({ x, y, radius, shape }, colour, alpha) {
    const { context, pixel } = this;
    const [px, py] = this.#at([x, y]);
    const r = Math.max(radius * this.unit, 6 * pixel);
    const trace = () => {
      context.beginPath();
      if (shape === "square") context.rect(px - r, py - r, 2 * r, 2 * r);
      else context.arc(px, py, r, 0, 2 * Math.PI);
      context.stroke();
    };
    context.globalAlpha = 0.35 * alpha;
    Object.assign(context, { strokeStyle: "#000", lineWidth: 3.5 * pixel });
    trace();
    context.globalAlpha = alpha;
    Object.assign(context, { strokeStyle: colour, lineWidth: 1.5 * pixel });
    trace();
  }

  /** The pressed grid at the pointer, at once: the video follows a chunk later. */
  #hand({ x, y, from, taken, ...grid }) {
    this.#line([from, [x, y]], COLOURS.live, 1.5 * this.pixel, 0.6);
    if (taken) this.#grid({ x, y, radius: HANDLE }, COLOURS.live);
    else this.#grid({ x, y, ...grid }, COLOURS.live);
  }

  #cursor({ x, y, radius, shape, colour, cross }) {
    this.#outline({ x, y, radius, shape }, colour, 0.7);
    if (cross) this.#cross({ x, y });
  }

  #cross({ x, y }) {
    const { context, pixel } = this;
    const [px, py] = this.#at([x, y]);
    for (const [colour, width] of [["#000", 4], ["#fff", 2]]) {
      Object.assign(context, { strokeStyle: colour, lineWidth: width * pixel, globalAlpha: 0.9 });
      context.beginPath();
      for (const s of [-1, 1]) {
        context.moveTo(px - 7 * pixel, py - 7 * s * pixel);
        context.lineTo(px + 7 * pixel, py + 7 * s * pixel);
      }
      context.stroke();
    }
  }

  #dot(place, radius, colour) {
    const { context } = this;
    const [x, y] = this.#at(place);
    context.globalAlpha = 0.45;
    context.fillStyle = "#000";
    context.beginPath();
    context.arc(x, y, radius + this.pixel, 0, 2 * Math.PI);
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  #line(points, colour, width, alpha) {
    if (points.length < 2) return;
    const { context } = this;
    Object.assign(context, { strokeStyle: colour, lineWidth: width, globalAlpha: alpha });
    Object.assign(context, { lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(...this.#at(points[0]));
    for (const point of points.slice(1)) context.lineTo(...this.#at(point));
    context.stroke();
  }
}

function markColour(mark) {
  return mark.pinned ? COLOURS.still : COLOURS.live;
}

/** Offsets of a grid's points from its middle, in widths; as the drag provider lays them. */
export function gridOffsets(radius, spacing, shape) {
  const reach = Math.floor(radius / spacing + 1e-9);
  const offsets = [];
  for (let j = -reach; j <= reach; j++) {
    for (let i = -reach; i <= reach; i++) {
      const [dx, dy] = [i * spacing, j * spacing];
      if (shape === "square" || Math.hypot(dx, dy) <= radius * (1 + 1e-9)) offsets.push([dx, dy]);
    }
  }
  return offsets;
}
