/** WebcamSource: a camera of this device, or a clip in its place, shown in a <video>; says in a word how it stands. */

/** Why no camera is to be had, by the name of the browser's error. */
const REFUSALS = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotReadableError: "busy",
  AbortError: "busy",
  NotFoundError: "none",
  DevicesNotFoundError: "none",
  OverconstrainedError: "none",
};

/**
 * States: "off", "asking", "live", "clip", "refused", "busy", "none", "insecure", "gone" (unplugged), "silent" (open,
 * but it sends nothing), "failed". Events: "change", and "devices" when cameras come and go.
 */
export class WebcamSource extends EventTarget {
  constructor(video) {
    super();
    Object.assign(this, { video, state: "off", devices: [], deviceId: null, reason: "" });
    this.media = navigator.mediaDevices;
    this.listener = () => this.#list();
    this.media?.addEventListener?.("devicechange", this.listener);
  }

  /** Pictures come. */
  get on() {
    return ["live", "clip", "silent"].includes(this.state);
  }

  /** Ask for a camera and show it; the one that was chosen last, unless another is named. */
  async open(deviceId = this.deviceId) {
    this.#release();
    if (!this.media?.getUserMedia) return this.#become("insecure");
    this.#become("asking");
    const asked = (this.asked = Symbol("asked"));
    try {
      const device = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
      const size = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
      const stream = await this.media.getUserMedia({ audio: false, video: { ...device, ...size } });
      if (asked !== this.asked) return stop(stream); // closed, or asked again meanwhile
      await this.#show(stream);
    } catch (error) {
      if (asked !== this.asked) return;
      this.reason = error.message;
      this.#become(REFUSALS[error.name] ?? "failed");
    }
    await this.#list();
  }

  /** Play a clip over and over in place of a camera. */
  async play(url) {
    this.#release();
    const asked = (this.asked = Symbol("asked"));
    this.video.loop = true;
    this.video.src = url;
    try {
      await this.video.play();
      if (asked === this.asked) this.#become("clip");
    } catch (error) {
      if (asked !== this.asked) return;
      this.reason = error.message;
      this.#become("failed");
    }
  }

  /** Another camera, if there are several: the one after the present one. */
  async swap() {
    const at = this.devices.findIndex(({ deviceId }) => deviceId === this.deviceId);
    const next = this.devices[(at + 1) % this.devices.length];
    if (next) await this.open(next.deviceId);
  }

  /** Let go of the camera, so that its light goes off. */
  close(state = "off") {
    this.#release();
    this.#become(state);
  }

  /** Close for good. */
  forget() {
    this.media?.removeEventListener?.("devicechange", this.listener);
    this.#release();
  }

  async #show(stream) {
    const [track] = stream.getVideoTracks();
    this.deviceId = track.getSettings().deviceId ?? null;
    track.onended = () => this.stream === stream && this.close("gone");
    track.onmute = () => this.stream === stream && this.#become("silent");
    track.onunmute = () => this.stream === stream && this.#become("live");
    this.stream = stream;
    this.video.srcObject = stream;
    await this.video.play();
    if (this.stream === stream) this.#become("live");
  }

  /** Names of cameras are told only to pages that were let in. */
  async #list() {
    const all = (await this.media?.enumerateDevices?.().catch(() => [])) ?? [];
    this.devices = all.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
    this.dispatchEvent(new Event("devices"));
  }

  #release() {
    this.asked = null;
    const { stream, video } = this;
    this.stream = null;
    if (stream) stop(stream);
    video.pause();
    video.srcObject = null;
    video.removeAttribute("src");
    video.load();
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}
