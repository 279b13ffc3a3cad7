/** SideBySide: while a stream is recorded, the page records camera and video beside one another. */

const HEIGHT = 480;
const FPS = 25;
const TYPES = ["video/mp4;codecs=avc1.42E01F", "video/webm;codecs=vp9", "video/webm"];
const SURE_MS = 1500; // a recording that was just asked for is not known to be on at once

export class SideBySide {
  /** `onMade(url, ending)` is given the file; `mirrored()` says whether the left one is shown as in a mirror. */
  constructor({ left, mirrored, right, onMade }) {
    Object.assign(this, { left, mirrored, right, onMade });
    this.type = typeof MediaRecorder === "undefined" ? null : TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  }

  /** A recording goes on, or does not. */
  follow(recording) {
    clearTimeout(this.ending);
    if (recording && !this.recorder) this.#begin();
    else if (!recording && this.recorder) this.ending = setTimeout(() => this.#end(), SURE_MS);
  }

  close() {
    clearTimeout(this.ending);
    this.#end();
  }

  #begin() {
    if (!this.type || !this.left.videoWidth) return;
    const { left, right } = this;
    const widths = [left.videoWidth / left.videoHeight, right.width / right.height].map((w) => 2 * Math.round((w * HEIGHT) / 2));
    this.canvas = Object.assign(document.createElement("canvas"), { width: widths[0] + widths[1], height: HEIGHT });
    this.recorder = new MediaRecorder(this.canvas.captureStream(FPS), { mimeType: this.type, videoBitsPerSecond: 4e6 });
    const parts = [];
    this.recorder.ondataavailable = ({ data }) => parts.push(data);
    this.recorder.onstop = () => this.#finish(parts);
    this.recorder.start(1000);
    this.#draw(widths);
  }

  #draw(widths) {
    if (!this.recorder) return;
    const context = this.canvas.getContext("2d", { alpha: false });
    const mirrored = this.mirrored();
    context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? widths[0] : 0, 0);
    if (this.left.videoWidth) context.drawImage(this.left, 0, 0, widths[0], HEIGHT);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.right, widths[0], 0, widths[1], HEIGHT);
    requestAnimationFrame(() => this.#draw(widths));
  }

  #end() {
    this.recorder?.stop();
    this.recorder = null;
  }

  #finish(parts) {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(new Blob(parts, { type: this.type }));
    this.onMade(this.url, this.type.startsWith("video/mp4") ? "mp4" : "webm");
  }
}
