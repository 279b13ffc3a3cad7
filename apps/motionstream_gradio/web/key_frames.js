/** Key frames of a flight that is put together by hand: poses, and the time from each to the next. */

import { poseOf } from "./flight_path.js";

const MOST = 256; // that the provider takes
const SECONDS = 2;

export class KeyFrames {
  constructor() {
    this.frames = []; // {row, seconds}: from the one before, or from where the flight begins
  }

  /** False where there are too many. */
  add(row) {
    if (this.frames.length >= MOST) return false;
    this.frames.push({ row, seconds: SECONDS });
    return true;
  }

  remove(index) {
    this.frames.splice(index, 1);
  }

  clear() {
    this.frames = [];
  }

  setSeconds(index, seconds) {
    this.frames[index].seconds = Math.min(60, Math.max(0.1, Number(seconds) || SECONDS));
    return this.frames[index].seconds;
  }

  /** Exchange with the one before. */
  earlier(index) {
    if (index < 1) return;
    const [frame] = this.frames.splice(index, 1);
    this.frames.splice(index - 1, 0, frame);
  }

  /** The provider's event. */
  event() {
    let seconds = 0;
    const frames = this.frames.map((frame) => {
      seconds += frame.seconds;
      return { seconds: Number(seconds.toFixed(3)), pose: poseOf(frame.row), zoom: Math.min(10, Math.max(0.1, frame.row[9])) };
    });
    return { type: "keyframes", frames };
  }
}
