/** The panel of the Webcam tab: camera beside video, parts of both, what is measured. `live_view.js` says what a panel is. */

import { CAMERA_MARKUP, CONTROLS_MARKUP } from "./webcam_markup.js";
import { drawPoints, pointColour } from "./webcam_points.js";
import { RegionPicker, WHOLE, regionEvent } from "./webcam_region.js";
import { WebcamSender } from "./webcam_sender.js";
import { SideBySide } from "./webcam_side_by_side.js";
import { WebcamSource } from "./webcam_source.js";
import { cameraWords, measured, noticeOf } from "./webcam_words.js";

const EXAMPLE = { clip: "webcam_example.mp4", box: [0.34, 0.23, 0.66, 0.77], gain: 0.5 };
const HINT = "Drag on the camera's picture, the video, or one after the other.";

export class Panel {
  constructor(view, box) {
    Object.assign(this, { view, stream: view.stream, values: {}, generation: view.stream.generation, mode: null });
    this.mirrors = { live: true, clip: false };
    this.gains = { live: 1, clip: EXAMPLE.gain };
    this.#build(box);
    this.source = new WebcamSource(this.video);
    this.sender = new WebcamSender({
      video: this.video,
      send: (bytes, takenMs) => this.stream.camera(bytes, takenMs),
      buffered: () => this.stream.connection.buffered,
      wanted: () => this.source.on && !document.hidden && this.stream.alive && this.stream.connection.ready,
    });
    this.#regions();
    this.#listen();
    this.#apply();
    this.#measured();
    this.changed();
  }

  /** The colour of a point of the video's overlay is that of its partner in the camera's picture. */
  pointColour(i, n) {
    return pointColour(i, n);
  }

  key(event) {
    if (event.type !== "keydown" || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return false;
    const act = { c: () => this.do_reference(), m: () => this.#setMirror(!this.mirror) }[event.key.toLowerCase()];
    act?.();
    return Boolean(act);
  }

  /** The stream changed. */
  changed() {
    const { stream } = this;
    if (stream.generation !== this.generation) this.#newGeneration();
    this.wasAlive = stream.alive;
    this.both.follow(stream.recording);
    this.#show();
  }

  /** What the provider tells. */
  report(values) {
    this.values = values;
    if (values.received_ms) this.sender.flight.received(values.received_ms);
    drawPoints(this.points, values.camera_xy ?? [], values.camera_visible ?? []);
    this.#show();
  }

  close() {
    this.sender.close();
    this.source.forget();
    this.both.close();
    for (const [target, name, act] of this.listening) target.removeEventListener(name, act);
    this.seen.disconnect();
    this.camera.remove();
  }

  do_on() {
    this.#from("live");
    return this.source.open();
  }

  do_off() {
    this.source.close();
  }

  do_example() {
    this.#from("clip");
    this.#pick("camera", { box: EXAMPLE.box });
    return this.source.play(new URL(EXAMPLE.clip, import.meta.url));
  }

  async do_swap() {
    await this.source.swap();
    this.#rest("stay");
  }

  do_reference() {
    if (this.stream.alive) this.view.toasts.note("This is the pose of rest from now on.");
    this.#rest("rest");
  }

  do_box() {
    this.#setMode(this.mode === "box" ? null : "box");
  }

  do_brush() {
    this.#setMode(this.mode === "brush" ? null : "brush");
  }

  do_whole() {
    this.#setMode(null);
    for (const on of ["camera", "target"]) this.#pick(on, null);
  }

  #build(box) {
    const styles = new URL("webcam_panel.css", import.meta.url);
    box.innerHTML = `<link rel="stylesheet" href="${styles}"><div class="controls">${CONTROLS_MARKUP}</div>`;
    this.box = box;
    this.camera = document.createElement("section");
    this.camera.className = "camera";
    this.camera.ariaLabel = "Camera";
    this.camera.innerHTML = CAMERA_MARKUP;
    box.before(this.camera); // beside the video, where the style sheet lays it
    this.video = this.camera.querySelector("video");
    this.points = this.camera.querySelector("canvas.points");
    this.view.find("dialog dl").insertAdjacentHTML("beforeend", "<dt>C</dt><dd>set the reference</dd><dt>M</dt><dd>mirror</dd>");
    this.find = (selector) => this.camera.querySelector(selector) ?? box.querySelector(selector);
    this.both = new SideBySide({
      left: this.video,
      mirrored: () => this.mirror,
      right: this.view.find(".video"),
      onMade: (url, ending) => this.#made(url, ending),
    });
  }

  #regions() {
    const over = { camera: this.find(".camera-frame"), target: this.view.find(".frame") };
    const label = { camera: "Camera", target: "Video" };
    this.pickers = {};
    for (const on of ["camera", "target"]) {
      const onPick = (region) => this.#pick(on, region);
      this.pickers[on] = new RegionPicker({ holder: over[on], label: label[on], onPick });
    }
  }

  #listen() {
    const { source } = this;
    source.addEventListener("change", () => this.#sourceChanged());
    source.addEventListener("devices", () => this.#devices());
    for (const part of [this.camera, this.box]) {
      part.addEventListener("click", (event) => this.#clicked(event));
      part.addEventListener("input", ({ target }) => this.#set(target));
    }
    this.video.addEventListener("resize", () => this.#shape());
    this.listening = [
      [document, "visibilitychange", () => this.#show()],
      [this.stream, "stats", () => this.#measured()],
    ];
    for (const [target, name, act] of this.listening) target.addEventListener(name, act);
    this.seen = new IntersectionObserver(() => this.#leftOrCame());
    this.seen.observe(this.find(".camera-frame"));
  }

  /** The camera's light goes off where its tab is left, and on again where it is come back to. */
  #leftOrCame() {
    const visible = this.view.checkVisibility();
    if (!visible && this.source.on) {
      this.cameBackTo = this.source.state;
      this.source.close("left");
    } else if (visible && this.source.state === "left") {
      if (this.cameBackTo === "clip") this.source.play(new URL(EXAMPLE.clip, import.meta.url));
      else this.source.open();
    }
  }

  #clicked(event) {
    const name = event.target.closest?.("button")?.dataset.webcam;
    if (name) this[`do_${name}`]();
  }

  #set({ name, value, checked }) {
    if (name === "mirror") this.#setMirror(checked);
    else if (name === "device") this.#device(value);
    else if (name === "fps") this.sender.fps = Number(value);
    else if (name === "size") this.sender.shorterPx = Number(value);
    else if (name === "gain") this.#setGain(Number(value));
    this.#apply();
  }

  async #device(id) {
    await this.source.open(id);
    this.#rest("stay");
  }

  get kind() {
    return this.from ?? "live";
  }

  get mirror() {
    return this.mirrors[this.kind];
  }

  /** Where pictures come from: "live" or "clip"; each has its own mirror and gain. */
  #from(kind) {
    if (kind === "live" && this.kind === "clip") this.#pick("camera", null);
    this.from = kind;
    this.#apply();
  }

  #setGain(gain) {
    this.gains[this.kind] = gain;
    if (!this.stream.alive || this.gainTold) return;
    this.gainTold = true; // a slider that is drawn sets many
    this.view.toasts.note("The gain applies from the next start.");
  }

  #setMirror(on) {
    this.mirrors[this.kind] = on;
    this.#apply();
    this.#rest("stay"); // what was followed is elsewhere now
  }

  /** Bring the sender, the settings of the next start and the controls in line. */
  #apply() {
    const { sender, stream, mirror, find } = this;
    sender.mirror = mirror;
    this.video.classList.toggle("mirrored", mirror);
    find("[name=mirror]").checked = mirror;
    const gain = (stream.options.settings.gain = this.gains[this.kind]);
    const words = { gain: gain.toFixed(1), fps: `${sender.fps}` };
    for (const [name, text] of Object.entries(words)) {
      const input = find(`[name=${name}]`);
      input.value = Number(text);
      input.nextElementSibling.textContent = text;
    }
    this.#show();
  }

  #setMode(mode) {
    this.mode = mode;
    for (const name of ["box", "brush"]) find(this, name).setAttribute("aria-pressed", mode === name);
    for (const picker of Object.values(this.pickers)) picker.setMode(mode);
    this.find(".hint").textContent = mode ? HINT : "";
  }

  /** Another part of the camera's picture or of the video; null is all of it. */
  #pick(on, region) {
    this.pickers[on].set(region);
    this.stream.options.settings[`${on}_box`] = region?.box ?? WHOLE;
    if (this.stream.alive) this.#tell(regionEvent(on, region));
  }

  /** A new video knows boxes from its settings, but no brush; one that went back may know other parts than these. */
  #newGeneration() {
    this.generation = this.stream.generation;
    this.gainTold = false;
    this.sender.flight.clear();
    this.values = {};
    drawPoints(this.points, [], []);
    if (!this.stream.alive) return;
    if (this.source.state === "clip") this.video.currentTime = 0; // the part of it was chosen on its first picture
    for (const [on, { region }] of Object.entries(this.pickers)) {
      if (region?.brush || (region && this.wasAlive)) this.#tell(regionEvent(on, region));
    }
  }

  #rest(target) {
    if (this.stream.alive) this.#tell({ type: "reference", target });
  }

  #tell(event) {
    this.stream.act([{ t_ms: performance.now(), event }]);
  }

  #sourceChanged() {
    this.#shape();
    if (!this.source.on) drawPoints(this.points, [], []);
    this.#show();
  }

  #shape() {
    const { videoWidth: width, videoHeight: height } = this.video;
    this.find(".camera-frame").style.setProperty("--camera-aspect", width ? `${width} / ${height}` : "4 / 3");
  }

  #devices() {
    const { devices, deviceId } = this.source;
    this.find(".devices").hidden = devices.length < 2;
    find(this, "swap").hidden = devices.length < 2;
    const options = devices.map((device, i) => new Option(device.label || `Camera ${i + 1}`, device.deviceId));
    this.find("[name=device]").replaceChildren(...options);
    this.find("[name=device]").value = deviceId ?? "";
  }

  #show() {
    const { source, stream, values } = this;
    const { words, wrong } = cameraWords({ source, stream, report: values, hidden: document.hidden });
    const line = this.find(".camera-words");
    if (line.textContent !== words) line.textContent = words;
    line.classList.toggle("wrong", wrong);
    this.camera.dataset.state = source.state;
    this.find(".camera-empty").hidden = source.on || source.state === "asking";
    find(this, "off").disabled = !source.on && source.state !== "asking";
    find(this, "on").setAttribute("aria-pressed", ["live", "silent", "asking"].includes(source.state));
    find(this, "example").setAttribute("aria-pressed", source.state === "clip");
    find(this, "reference").disabled = !stream.alive;
    const notice = noticeOf(values);
    this.find(".notice").hidden = !notice;
    this.find(".notice").textContent = notice;
  }

  #measured() {
    const { stats } = this.stream;
    const tiles = measured({ sent: this.sender.rate, report: this.values, stats, shownFps: stats?.fps_shown });
    this.find(".tiles").innerHTML = tiles
      .map(([name, value, tip]) => `<div title="${tip}"><dt>${name}</dt><dd>${value}</dd></div>`)
      .join("");
  }

  #made(url, ending) {
    const line = this.find(".both");
    line.hidden = false;
    line.innerHTML = `<a href="${url}" download="camera-and-video.${ending}">Camera and video side by side</a>`;
  }
}

const find = (panel, name) => panel.box.querySelector(`[data-webcam=${name}]`);
