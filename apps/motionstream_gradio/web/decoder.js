/** From packets to pictures, in order: JPEG everywhere, H.264 and VP8 where the page is secure and the browser can. */

import { Flag, Kind } from "./protocol.js";

const VIDEO = { h264: { kind: Kind.H264, codec: "avc1.42E01F" }, vp8: { kind: Kind.VP8, codec: "vp8" } };

/** What this browser can show, best first; `wanted` is "auto" or one codec. */
export async function showableCodecs(wanted = "auto") {
  const video = [];
  for (const [name, { codec }] of Object.entries(VIDEO)) {
    if (await decodes(codec)) video.push(name);
  }
  const near = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const all = near ? ["jpeg", ...video] : [...video, "jpeg"]; // bytes cost nothing on the loopback
  return wanted !== "auto" && all.includes(wanted) ? [wanted, ...all.filter((name) => name !== wanted)] : all;
}

async function decodes(codec) {
  if (!window.isSecureContext || typeof VideoDecoder === "undefined") return false;
  try {
    return (await VideoDecoder.isConfigSupported({ codec, optimizeForLatency: true })).supported;
  } catch {
    return false;
  }
}

/** Calls `onFrame(image, packet)` for each frame, in the order in which packets came; `onNeedKey()` after a loss. */
export class Decoder {
  constructor({ onFrame, onNeedKey }) {
    this.onFrame = onFrame;
    this.onNeedKey = onNeedKey;
    this.age = 0;
    this.tail = Promise.resolve();
  }

  /** Forget what is under way: frames of it are not shown any more. */
  reset() {
    this.age += 1;
    this.tail = Promise.resolve();
    if (this.video && this.video.state !== "closed") this.video.close();
    this.video = null;
  }

  decode(packet) {
    if (packet.kind === Kind.JPEG) this.#jpeg(packet);
    else this.#video(packet);
  }

  #jpeg(packet) {
    const age = this.age;
    const image = createImageBitmap(new Blob([packet.payload], { type: "image/jpeg" })).catch(() => null);
    this.tail = this.tail.then(async () => {
      const picture = await image;
      if (picture === null) return;
      if (age === this.age) this.onFrame(picture, packet);
      else picture.close();
    });
  }

  #video(packet) {
    const key = Boolean(packet.flags & Flag.KEY);
    if (!this.video) {
      if (!key) return this.onNeedKey();
      this.#open(packet.kind);
    }
    const stamp = packet.sequence * 1000; // microseconds; only there to find the packet again
    this.waiting.set(stamp, packet);
    this.video.decode(
      new EncodedVideoChunk({ type: key ? "key" : "delta", timestamp: stamp, data: packet.payload }),
    );
  }

  #open(kind) {
    const age = this.age;
    const { codec } = Object.values(VIDEO).find((video) => video.kind === kind);
    this.waiting = new Map();
    this.video = new VideoDecoder({
      output: (frame) => {
        const packet = this.waiting.get(frame.timestamp);
        this.waiting.delete(frame.timestamp);
        if (age === this.age && packet) this.onFrame(frame, packet);
        else frame.close();
      },
      error: () => {
        if (age !== this.age) return;
        this.video = null;
        this.onNeedKey();
      },
    });
    this.video.configure({ codec, optimizeForLatency: true });
  }
}
