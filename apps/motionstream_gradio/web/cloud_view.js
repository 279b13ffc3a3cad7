/** The scene in three dimensions: points, the path flown, cameras; turned with mouse, fingers or keys. Lengths are the provider's. */

import { axesOf } from "./flight_path.js";
import { OrbitCamera } from "./orbit_camera.js";

const FRUSTUM = 0.14; // of the scene's depth
const TURN = 0.12; // radians of a key
const KEYS = {
  ArrowLeft: [-TURN, 0],
  ArrowRight: [TURN, 0],
  ArrowUp: [0, TURN],
  ArrowDown: [0, -TURN],
};

/** Draws on `canvas` when `draw()` is called and something has changed. */
export class CloudView {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.eye = new OrbitCamera();
    this.fingers = new Map();
    this.dirty = true;
    this.shown = { path: [], keyFrames: [], preview: null, camera: null };
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#moved(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, ({ pointerId }) => this.fingers.delete(pointerId));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("dblclick", () => this.fit());
    new ResizeObserver(() => (this.dirty = true)).observe(canvas);
  }

  /** A new scene, {cloud: {xyz, rgb}, reach, lens}; all of it is shown, or the view stays as it is. */
  setScene(scene, fit) {
    this.scene = scene;
    if (fit) this.fit();
    this.dirty = true;
  }

  /** {path: [row], keyFrames: [row], preview: [[x, y, z]] or null, camera: row or null}; what is left out stays. */
  show(shown) {
    Object.assign(this.shown, shown);
    this.dirty = true;
  }

  /** The whole scene from behind and above the photograph's camera. */
  fit() {
    this.eye.fit(this.scene?.reach ?? 1);
    this.dirty = true;
  }

  zoom(factor) {
    this.eye.zoom(factor);
    this.dirty = true;
  }

  draw() {
    if (!this.dirty) return;
    this.dirty = false;
    const { canvas, context } = this;
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    this.pixel = scale;
    this.eye.look(width, height);
    context.clearRect(0, 0, width, height);
    if (!this.scene) return;
    this.#cloud();
    this.#things();
  }

  #cloud() {
    const { context, scene, eye } = this;
    const { xyz, rgb } = scene.cloud;
    const points = [];
    for (let i = 0; i < xyz.length; i += 3) {
      const place = eye.place(xyz[i], xyz[i + 1], xyz[i + 2]);
      if (place) points.push([place, i]);
    }
    points.sort(([a], [b]) => b[2] - a[2]);
    const size = 0.022 * scene.reach * eye.focal;
    for (const [[x, y, depth], i] of points) {
      const side = Math.max(1.5 * this.pixel, Math.min(9 * this.pixel, size / depth));
      context.fillStyle = `rgb(${rgb[i]} ${rgb[i + 1]} ${rgb[i + 2]})`;
      context.fillRect(x - side / 2, y - side / 2, side, side);
    }
  }

  #things() {
    const { path, keyFrames, preview, camera } = this.shown;
    const colours = this.#colours();
    this.#frustum(HOME, colours.faint, 1);
    if (preview) this.#line(preview, colours.accent, 2, [5, 5]);
    this.#line(path.map((row) => row.slice(0, 3)), colours.path, 2);
    keyFrames.forEach((row, i) => this.#frustum(row, colours.key, 1.5, String(i + 1)));
    if (camera) this.#frustum(camera, colours.accent, 2.5);
  }

  #colours() {
    const style = getComputedStyle(this.canvas);
    const of = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
    return { accent: of("--accent", "#2f6fed"), faint: of("--faint", "#888"), path: of("--live", "#3ddc84"), key: "#f0a93a" };
  }

  #line(points, colour, width, dash = []) {
    const { context, eye } = this;
    context.beginPath();
    let drawn = false;
    for (const point of points) {
      const place = eye.place(...point);
      if (place && drawn) context.lineTo(place[0], place[1]);
      else if (place) context.moveTo(place[0], place[1]);
      drawn = Boolean(place);
    }
    context.setLineDash(dash.map((length) => length * this.pixel));
    Object.assign(context, { strokeStyle: colour, lineWidth: width * this.pixel, lineJoin: "round" });
    context.stroke();
    context.setLineDash([]);
  }

  /** A camera as a pyramid with the picture's shape, and a mark at its upper edge. */
  #frustum(row, colour, width, label) {
    const { scene, eye, context } = this;
    const { position, forward, up, right, zoom } = axesOf(row);
    const size = FRUSTUM * Math.min(scene.reach, 1e6);
    const [fx, fy] = scene.lens;
    const corner = (x, y) =>
      position.map((value, i) => value + size * (forward[i] + (x / (fx * zoom)) * right[i] + (y / (fy * zoom)) * up[i]));
    const corners = [corner(-0.5, 0.5), corner(0.5, 0.5), corner(0.5, -0.5), corner(-0.5, -0.5)];
    this.#line([...corners, corners[0]], colour, width);
    for (const end of corners) this.#line([position, end], colour, width * 0.7);
    this.#line([corner(-0.2, 0.55), corner(0, 0.8), corner(0.2, 0.55)], colour, width);
    const place = label && eye.place(...position);
    if (!place) return;
    context.font = `600 ${12 * this.pixel}px system-ui, sans-serif`;
    context.fillStyle = colour;
    context.fillText(label, place[0] + 6 * this.pixel, place[1] - 6 * this.pixel);
  }

  #down(event) {
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
  }

  #moved(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const apart = this.#apart();
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
    const unit = this.canvas.clientHeight || 1;
    if (this.fingers.size === 2) this.eye.zoom(apart / Math.max(1, this.#apart()));
    else if (event.shiftKey || event.buttons === 2) this.eye.shift(dx / unit, dy / unit);
    else this.eye.turn((-3 * dx) / unit, (3 * dy) / unit);
    this.dirty = true;
  }

  #apart() {
    const [a, b] = [...this.fingers.values()];
    return a && b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 1;
  }

  #wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY / 400))));
  }

  #key(event) {
    const turn = KEYS[event.key];
    const zoom = { "+": 0.85, "=": 0.85, "-": 1 / 0.85 }[event.key];
    if (!turn && !zoom && event.key !== "0") return;
    event.preventDefault();
    if (turn) this.eye.turn(...turn);
    else if (zoom) this.eye.zoom(zoom);
    else this.fit();
    this.dirty = true;
  }
}

const HOME = [0, 0, 0, 0, 0, 1, 0, -1, 0, 1];
