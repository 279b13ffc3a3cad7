/** The eye of a three-dimensional view: goes round a place, in the axes of the scene (x right, y down, z forward). */

const STEEPEST = 1.5; // radians; beyond it up and down change places
const FOCAL = 1.1; // in heights of the picture

export class OrbitCamera {
  constructor() {
    this.fit(1);
  }

  /** Look at the middle of a scene of this depth from behind, above and the right. */
  fit(reach) {
    Object.assign(this, { yaw: -0.6, pitch: 0.4, distance: 1.45 * reach, middle: [0, -0.12 * reach, 0.55 * reach], reach });
  }

  turn(right, up) {
    this.yaw += right;
    this.pitch = Math.min(STEEPEST, Math.max(-STEEPEST, this.pitch + up));
  }

  zoom(factor) {
    this.distance = Math.min(50 * this.reach, Math.max(0.02 * this.reach, this.distance * factor));
  }

  /** Move the middle by parts of the picture's height. */
  shift(right, down) {
    this.#axes();
    const size = this.distance / FOCAL;
    this.middle = this.middle.map((value, i) => value - size * (right * this.right[i] + down * this.down[i]));
  }

  /** Get ready for a picture of this size. */
  look(width, height) {
    this.#axes();
    Object.assign(this, { cx: width / 2, cy: height / 2, focal: FOCAL * Math.min(height, width) });
    this.eye = this.middle.map((value, i) => value - this.distance * this.forward[i]);
  }

  /** [x, y] in the picture and the depth; null behind the eye. */
  place(x, y, z) {
    const [a, b, c] = [x - this.eye[0], y - this.eye[1], z - this.eye[2]];
    const along = ([u, v, w]) => a * u + b * v + c * w;
    const depth = along(this.forward);
    if (depth < 0.01 * this.reach) return null;
    const scale = this.focal / depth;
    return [this.cx + scale * along(this.right), this.cy + scale * along(this.down), depth];
  }

  #axes() {
    const [sy, cy, sp, cp] = [Math.sin(this.yaw), Math.cos(this.yaw), Math.sin(this.pitch), Math.cos(this.pitch)];
    this.forward = [sy * cp, sp, cy * cp]; // pitch > 0 looks down
    this.right = [cy, 0, -sy];
    this.down = [-sy * sp, cp, -cy * sp];
  }
}
