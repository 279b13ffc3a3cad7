/** When to show which frame: chunks come in bursts, frames leave evenly, never two in one refresh of the display. */

const KEEP = 0.8; // of the old estimate, in the running mean of the time between chunks
const CATCH_UP = 0.12;
const SLOW_DOWN = 1.02;
const SLOWEST_MS = 500;

export class Playout {
  constructor() {
    this.configure({ fps: 16, framesPerChunk: 12 });
  }

  configure({ fps, framesPerChunk }) {
    this.fastest = (1000 / fps) * 0.97; // clocks differ a little
    this.slowest = SLOWEST_MS;
    this.interval = 1000 / fps;
    this.framesPerChunk = framesPerChunk;
    this.reset();
  }

  /** Forget all frames, such as those of an old branch. */
  reset() {
    for (const { image } of this.waiting ?? []) image.close();
    this.waiting = [];
    this.chunkSeen = null;
    this.chunkAt = null;
    this.period = null; // milliseconds between chunks
    this.nextAt = 0;
  }

  get length() {
    return this.waiting.length;
  }

  push(entry, now) {
    if (entry.chunk !== this.chunkSeen) this.#chunkBegins(entry.chunk, now);
    this.waiting.push(entry);
  }

  /** The frame to show in this refresh, or null. */
  due(now) {
    if (this.waiting.length === 0 || now < this.nextAt) return null;
    const late = now - this.nextAt;
    this.nextAt = late > this.interval ? now + this.interval : this.nextAt + this.interval;
    return this.waiting.shift();
  }

  /**
   * Frames left over when a chunk comes: the generator waits for us, so go faster, down to the video's own pace. None
   * left: we wait for the generator, and the time between its chunks is the pace that lasts.
   */
  #chunkBegins(chunk, now) {
    if (this.chunkAt !== null) {
      const gap = now - this.chunkAt;
      this.period = this.period === null ? gap : KEEP * this.period + (1 - KEEP) * gap;
      const left = this.waiting.length;
      if (left === 0) this.interval = Math.max(this.interval, (this.period / this.framesPerChunk) * SLOW_DOWN);
      else this.interval *= 1 - CATCH_UP * Math.min(1, (2 * left) / this.framesPerChunk);
      this.interval = Math.min(this.slowest, Math.max(this.fastest, this.interval));
    }
    this.chunkSeen = chunk;
    this.chunkAt = now;
  }
}
