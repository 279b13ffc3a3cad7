/**
 * WebcamSender: pictures of a <video> as JPEGs, as many a second as wanted. It never queues: a picture is left out
 * while the one before is encoded, while the socket holds more than one, or while the server has not had older ones.
 */

import { InFlight } from "./webcam_in_flight.js";

const HELD_BYTES = 96 * 1024;
const RATE_MS = 2000;

export class WebcamSender {
  /** `send(bytes, takenMs)` says whether it was sent, `buffered()` is what the socket holds, `wanted()` whether to send. */
  constructor({ video, send, buffered, wanted }) {
    Object.assign(this, { video, send, buffered, wanted });
    Object.assign(this, { fps: 24, shorterPx: 360, quality: 0.75, mirror: false });
    this.flight = new InFlight();
    this.sentAt = [];
    this.encoding = false;
    this.nextAt = 0;
    this.running = true;
    this.canvas = new OffscreenCanvas(1, 1);
    this.#wait();
  }

  /** Pictures sent a second, lately. */
  get rate() {
    const now = performance.now();
    this.sentAt = this.sentAt.filter((at) => now - at < RATE_MS);
    return this.sentAt.length / (RATE_MS / 1000);
  }

  close() {
    this.running = false;
  }

  #wait() {
    if (!this.running) return;
    const again = (now, about) => {
      this.#frame(now, about);
      this.#wait();
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(again);
    else requestAnimationFrame((now) => again(now, {}));
  }

  #frame(now, about) {
    const period = 1000 / this.fps;
    if (!this.running || now < this.nextAt - 0.25 * period || !this.#room(now)) return;
    this.nextAt = Math.max(now, this.nextAt + period);
    this.#encode(takenAt(now, about));
  }

  #room(now) {
    return !this.encoding && this.wanted() && this.buffered() < HELD_BYTES && this.flight.room(now);
  }

  async #encode(takenMs) {
    this.encoding = true;
    try {
      const blob = await this.#picture().convertToBlob({ type: "image/jpeg", quality: this.quality });
      const bytes = new Uint8Array(await blob.arrayBuffer());
      if (!this.wanted() || !this.send(bytes, takenMs)) return;
      this.sentAt.push(performance.now());
      this.flight.sent(takenMs, performance.now());
    } catch {
      // a video that is just being closed has no picture; the next one has
    } finally {
      this.encoding = false;
    }
  }

  #picture() {
    const { video, canvas, mirror } = this;
    const { videoWidth, videoHeight } = video;
    const scale = Math.min(1, this.shorterPx / Math.min(videoWidth, videoHeight));
    const [width, height] = [Math.round(videoWidth * scale), Math.round(videoHeight * scale)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { alpha: false });
    context.setTransform(mirror ? -1 : 1, 0, 0, 1, mirror ? width : 0, 0);
    context.drawImage(video, 0, 0, width, height);
    return canvas;
  }
}

/** When the camera took a picture, by the page's clock; where the browser does not know, when it was shown. */
function takenAt(now, { captureTime }) {
  return captureTime > now - 2000 && captureTime <= now ? captureTime : now;
}
