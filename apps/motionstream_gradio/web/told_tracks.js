/** What the model was told: the tracks of the newest chunks, looked up by video frame. */

import { parseTracks } from "./protocol.js";
import { Roles } from "./roles.js";

const KEPT_CHUNKS = 6;

export class ToldTracks {
  constructor() {
    this.roles = new Roles();
    this.clear();
  }

  clear() {
    this.chunks = [];
    this.roles.clear();
  }

  add(packet, marks, aspect) {
    const tracks = parseTracks(packet.payload);
    this.chunks.push({ first: packet.frame, groups: this.roles.of(tracks, marks, aspect), ...tracks });
    if (this.chunks.length > KEPT_CHUNKS) this.chunks.shift();
  }

  /**
   * Points of a video frame and where they came from.
   * Returns {count, at(i) -> [x, y], seen(i), role(i), still(i), trail(i, length) -> [[x, y], ...]}, or null.
   */
  of(frame) {
    const chunk = this.chunks.find(({ first, numFrames }) => frame >= first && frame < first + numFrames);
    if (!chunk) return null;
    const { numPoints, xy, visible, groups } = chunk;
    const row = frame - chunk.first;
    const place = (t, i) => {
      const k = 2 * (t * numPoints + i);
      return [xy[k], xy[k + 1]];
    };
    return {
      count: numPoints,
      at: (i) => place(row, i),
      seen: (i) => visible[row * numPoints + i] === 1,
      trail: (i, length) => {
        const points = [];
        for (let t = Math.max(0, row - length); t <= row; t++) {
          if (visible[t * numPoints + i]) points.push(place(t, i));
        }
        return points;
      },
      role: (i) => groups[i].role,
      still: (i) => {
        const [ax, ay] = place(0, i);
        const [bx, by] = place(row, i);
        return Math.hypot(bx - ax, by - ay) < 1e-3;
      },
    };
  }
}
