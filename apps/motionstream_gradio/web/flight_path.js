/**
 * Paths of a camera. A row is [x, y, z of the position, of the look direction, of the direction up, zoom], as the
 * camera provider reports it: x right, y down, z forward, the photograph's camera at the origin.
 */

/** Rows by the number of their video frame, put together from what is reported after each chunk. */
export class FlownPath {
  constructor() {
    this.rows = new Map();
    this.newest = -1;
  }

  /** What follows the newest row has not happened: the stream was begun anew, or went back. */
  add({ first, rows }) {
    const end = first + rows.length;
    for (let frame = this.newest; frame >= end; frame--) this.rows.delete(frame);
    rows.forEach((row, i) => this.rows.set(first + i, row));
    this.newest = end - 1;
  }

  get length() {
    return this.rows.size;
  }

  /** The row of a video frame, or of the newest one before it. */
  at(frame) {
    return this.rows.get(Math.min(frame, this.newest)) ?? null;
  }

  /** [frame, row] in order. */
  all() {
    return [...this.rows.entries()].sort(([a], [b]) => a - b);
  }
}

const cross = ([ax, ay, az], [bx, by, bz]) => [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];

/** Directions of a row. */
export function axesOf(row) {
  const [forward, up] = [row.slice(3, 6), row.slice(6, 9)];
  return { position: row.slice(0, 3), forward, up, right: cross(forward, up), zoom: row[9] };
}

/** Camera to world, row by row, in the axes of the provider (x right, y down, z forward). */
export function poseOf(row) {
  const { position, forward, up, right } = axesOf(row);
  return [...[0, 1, 2].flatMap((i) => [right[i], -up[i], forward[i], position[i]]), 0, 0, 0, 1];
}

/** The path as nerfstudio's transforms.json (x right, y up, z back), which the camera provider reads as well. */
export function transformsOf(path, { lens: [fx, fy, cx, cy], width, height, fps }) {
  const pixels = (zoom) => ({ fl_x: fx * zoom * width, fl_y: fy * zoom * height, cx: cx * width, cy: cy * height });
  const frames = path.all().map(([frame, row]) => {
    const { position, forward, up, right, zoom } = axesOf(row);
    const matrix = [0, 1, 2].map((i) => [right[i], up[i], -forward[i], position[i]]);
    const name = `images/${String(frame).padStart(6, "0")}.png`;
    return { file_path: name, transform_matrix: [...matrix, [0, 0, 0, 1]], ...pixels(zoom) };
  });
  return { camera_model: "OPENCV", w: width, h: height, fps, ...pixels(1), frames };
}

export function savePath(path, about) {
  const link = document.createElement("a");
  const text = JSON.stringify(transformsOf(path, about), null, 1);
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "flight.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
