/** The camera's panel: hands for flying, what the provider reports of the scene, key frames, the path flown. */

import { keyFrameMarkup, cameraMarkup, KEY_HELP, PRESET_NAMES } from "./camera_markup.js";
import { CloudView } from "./cloud_view.js";
import { FirstFrame } from "./first_frame.js";
import { FlightKeys, flightKey } from "./flight_keys.js";
import { axesOf, FlownPath, savePath } from "./flight_path.js";
import { FlightPointer } from "./flight_pointer.js";
import { GamepadFlight } from "./gamepad.js";
import { KeyFrames } from "./key_frames.js";

const ACTS = { h: "home", n: "anchor", k: "keyframe" };
const OWN_ARROWS = "input, select, summary, [role=tab], [role=radio], [role=slider], [role=option]";
const WAITS = "The camera flies while the video plays: press Start or Resume first.";
const ANCHOR_PX = 1024; // longest side of a frame whose depth is asked for

export class Panel {
  constructor(view, box) {
    Object.assign(this, { view, box, stream: view.stream, flown: new FlownPath(), keyFrames: new KeyFrames(), open: true });
    const styles = new URL("camera_panel.css", import.meta.url);
    box.innerHTML = `<link rel="stylesheet" href="${styles}">${cameraMarkup({ tools: Boolean(view.tools) })}`;
    this.find = (selector) => box.querySelector(selector);
    this.cloud = new CloudView(this.find("canvas.cloud"));
    this.first = new FirstFrame();
    this.#hands();
    this.#describe();
    box.addEventListener("click", (event) => this.#clicked(event));
    box.addEventListener("change", (event) => this.#edited(event.target));
    this.#pads();
    this.#previews();
    this.#showKeyFrames();
    this.letGo = () => this.#release();
    window.addEventListener("blur", this.letGo);
    const tick = () => {
      if (!this.open) return;
      this.#tick();
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  close() {
    this.open = false;
    window.removeEventListener("blur", this.letGo);
  }

  /** Whether a key flies; keys go up everywhere. */
  key(event) {
    const name = flightKey(event);
    if (event.type === "keyup") return name ? (this.keys.up(name), false) : false;
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (!name || name === "Shift") return this.#shortcut(event, name);
    if (name.startsWith("Arrow") && (target.matches?.(OWN_ARROWS) || !this.stream.moving)) return false;
    if (!this.stream.moving && this.view.tools) return false; // then letters choose tools
    if (!event.repeat) this.#hold(name, true, "keyboard");
    return true;
  }

  changed() {
    const { stream } = this;
    if (stream.picture && stream.picture !== this.picture) {
      this.picture = stream.picture;
      this.first.chosen(performance.now());
    }
    if (stream.generation !== this.generation) this.#newBranch();
    if (!stream.moving) this.#release();
    this.find(".flight").dataset.moving = stream.moving;
    this.#showFirst();
  }

  /** A stream begins, or went back. */
  #newBranch() {
    this.generation = this.stream.generation;
    this.keys.forget();
    this.gamepad.forget();
  }

  /** See `report` of the camera provider. */
  report(values) {
    this.values = values;
    if (!values.cloud) return;
    if (values.cloud !== this.cloud.scene?.cloud) this.#newScene(values);
    this.flown.add(values.flown);
    for (const button of this.box.querySelectorAll("[data-preset]")) {
      button.setAttribute("aria-pressed", button.dataset.preset === values.flying);
    }
    this.#showPath();
  }

  // What the user does.

  #hands() {
    const send = (events) => this.stream.alive && this.stream.act(events);
    this.keys = new FlightKeys({ send });
    this.gamepad = new GamepadFlight({
      send: (events) => this.stream.moving && send(events),
      hold: (name, down) => this.stream.moving && this.#hold(name, down, "gamepad"),
      act: (name) => this.stream.moving && this.act(name),
    });
    this.pointer = new FlightPointer({
      surface: this.view.find(".surface"),
      stage: this.view.stage,
      send,
      active: () => this.stream.moving,
      button: this.view.tools ? 2 : 0,
    });
  }

  #hold(name, down, source) {
    if (!down) return this.keys.up(name, source);
    if (!this.stream.moving) return this.view.toasts.note(WAITS);
    return this.keys.down(name, source);
  }

  #release() {
    this.keys.release();
    this.pointer.release();
  }

  #shortcut(event, name) {
    if (name === "Shift") {
      if (this.stream.moving && !event.repeat) this.keys.down(name);
      return false; // others may want it too
    }
    const number = /^Digit([0-7])$/.exec(event.code)?.[1];
    const act = ACTS[event.key.toLowerCase()];
    if (event.repeat || event.shiftKey || (!number && !act)) return false;
    if (act) this.act(act);
    else this.#fly(number === "0" ? "none" : PRESET_NAMES[number - 1]);
    return true;
  }

  #fly(name) {
    if (!this.stream.moving) return this.view.toasts.note(WAITS);
    const flies = this.values?.flying === name;
    return this.#say({ type: "preset", name: flies ? "none" : name });
  }

  #say(event) {
    this.stream.act([{ t_ms: performance.now(), event }]);
  }

  /** What a button or a key stands for. */
  act(name, index) {
    return this[`do_${name}`]?.(index);
  }

  do_home() {
    if (!this.stream.moving) return this.view.toasts.note(WAITS);
    return this.#say({ type: "reset" });
  }

  /** The frame that is shown, with its number: the camera was elsewhere then. */
  do_anchor() {
    const { stream, view } = this;
    if (!stream.moving || !this.#frame) return view.toasts.note(WAITS);
    const video = view.find(".video");
    const scale = Math.min(1, ANCHOR_PX / Math.max(video.width, video.height));
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: Math.round(video.width * scale), height: Math.round(video.height * scale) });
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    this.anchored = true;
    return this.#say({ type: "anchor", image: canvas.toDataURL("image/jpeg", 0.92), frame: this.#frame.frame });
  }

  do_keyframe() {
    const row = this.#cameraRow();
    if (!row) return this.view.toasts.note("There is no camera yet: press Start first.");
    if (!this.keyFrames.add(row)) this.view.toasts.note("There are 256 key frames, which is the most.");
    return this.#showKeyFrames();
  }

  do_remove(index) {
    this.keyFrames.remove(index);
    this.#showKeyFrames();
  }

  do_earlier(index) {
    this.keyFrames.earlier(index);
    this.#showKeyFrames();
  }

  do_clear() {
    this.keyFrames.clear();
    this.#showKeyFrames();
  }

  do_fly() {
    if (!this.stream.moving) return this.view.toasts.note(WAITS);
    return this.#say(this.keyFrames.event());
  }

  do_save() {
    const { width, height, fps } = this.stream.info;
    savePath(this.flown, { lens: this.values.lens, width, height, fps });
  }

  do_nearer() {
    this.cloud.zoom(0.8);
  }

  do_farther() {
    this.cloud.zoom(1.25);
  }

  do_fit() {
    this.cloud.fit();
  }

  #clicked({ target }) {
    const { act, preset, index } = target.closest?.("button")?.dataset ?? {};
    if (preset) this.#fly(preset);
    else if (act) this.act(act, Number(index));
  }

  #edited(input) {
    if (input.dataset.seconds !== undefined) input.value = this.keyFrames.setSeconds(Number(input.dataset.seconds), input.value);
    if (input.dataset.in === "invert") this.pointer.invert = input.checked;
  }

  /** Buttons that are held: with fingers, with the mouse, or with Enter and Space. */
  #pads() {
    for (const button of this.box.querySelectorAll("[data-key]")) {
      const name = button.dataset.key;
      button.addEventListener("pointerdown", (event) => {
        button.setPointerCapture(event.pointerId);
        this.#hold(name, true, `finger ${event.pointerId}`);
      });
      for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
        button.addEventListener(end, ({ pointerId }) => this.#hold(name, false, `finger ${pointerId}`));
      }
      for (const end of ["keydown", "keyup"]) {
        button.addEventListener(end, (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          if (!event.repeat) this.#hold(name, end === "keydown", "pad");
        });
      }
      button.addEventListener("blur", () => this.#hold(name, false, "pad"));
      button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press of a finger
    }
    const pace = this.find("[data-in=pace]");
    pace.oninput = () => {
      pace.nextElementSibling.textContent = `${Number(pace.value).toFixed(1)}×`;
      this.gamepad.pace = Number(pace.value);
      this.keys.setPace(Number(pace.value));
    };
    pace.onpointerup = () => this.view.find(".surface").focus({ preventScroll: true }); // so that Enter starts
  }

  /** What a preset would fly, while its button is pointed at. */
  #previews() {
    for (const button of this.box.querySelectorAll("[data-preset]")) {
      for (const begin of ["pointerenter", "focus"]) button.addEventListener(begin, () => this.#preview(button.dataset.preset));
      for (const end of ["pointerleave", "blur"]) button.addEventListener(end, () => this.cloud.show({ preview: null }));
    }
  }

  #preview(name) {
    const row = this.#cameraRow();
    const places = this.values?.presets?.[name];
    if (!row || !places) return;
    const { position, forward, up, right } = axesOf(row);
    const preview = [];
    for (let i = 0; i < places.length; i += 3) {
      const [x, y, z] = places.slice(i, i + 3);
      preview.push(position.map((value, axis) => value + x * right[axis] - y * up[axis] + z * forward[axis]));
    }
    this.cloud.show({ preview });
  }

  // What is shown.

  #describe() {
    this.view.find(".surface").ariaLabel = "Video. W A S D Q and E fly the camera, arrow keys turn it, a drag looks round.";
    const lines = KEY_HELP.map(([key, text]) => `<dt>${key}</dt><dd>${text}</dd>`).join("");
    this.view.find("dialog dl").insertAdjacentHTML("beforeend", lines);
  }

  /** A scene, or the same one told again. */
  #newScene(values) {
    const another = this.cloud.scene?.generation === this.generation;
    const text = String(values.cloud.xyz);
    if (another && this.anchored && text !== this.sceneText) {
      this.view.toasts.note("The depth of that frame is the scene now.");
      this.anchored = false;
    }
    this.sceneText = text;
    this.cloud.setScene({ ...values, generation: this.generation }, !another);
    const image = this.find("img.depth");
    Object.assign(image, { src: values.depth, hidden: false });
    const unit = values.unit ? ` ${values.unit}` : "";
    this.find("[data-out=depth]").textContent = `Depth: ${values.depth_source}. From ${values.near}${unit} (bright) to ${values.far}${unit} (dark).`;
  }

  /** The video frame that is shown, if it is of this stream and not of the one before. */
  get #frame() {
    const { frame, generation } = this.stream;
    return frame?.generation === generation % 65536 ? frame : null;
  }

  /** Where the camera was in the frame that is shown. */
  #cameraRow() {
    const shown = this.#frame && this.flown.at(this.#frame.frame);
    const { camera } = this.values ?? {};
    return shown ?? (camera ? [...camera.position, ...camera.forward, ...camera.up, camera.zoom] : null);
  }

  #showPath() {
    this.cloud.show({ path: this.flown.all().map(([, row]) => row) });
    this.find("[data-act=save]").disabled = !this.flown.length;
  }

  #showKeyFrames() {
    const { frames } = this.keyFrames;
    this.find("[data-out=frames]").innerHTML = frames.map(({ seconds }, i) => keyFrameMarkup(i, seconds)).join("");
    for (const name of ["fly", "clear"]) this.find(`[data-act=${name}]`).disabled = !frames.length;
    this.find("[data-act=save]").disabled = !this.flown.length;
    this.cloud.show({ keyFrames: frames.map(({ row }) => row) });
  }

  #showFirst() {
    this.find("[data-out=first]").textContent = this.first.words;
  }

  #tick() {
    const { stream } = this;
    if (stream.moving) this.gamepad.poll();
    this.#words("gamepad", this.gamepad.name ? `Gamepad: ${this.gamepad.name}` : "Gamepad: press a button on it.");
    for (const button of this.box.querySelectorAll("[data-key]")) button.classList.toggle("held", this.keys.held.has(button.dataset.key));
    if (this.#frame && this.first.shown(performance.now(), stream.generation, stream.begun)) this.#showFirst();
    const row = this.#cameraRow();
    if (row && row !== this.rowShown) this.#moved(row);
    if (this.box.checkVisibility()) this.cloud.draw();
  }

  #moved(row) {
    this.rowShown = row;
    this.cloud.show({ camera: row });
    const { lens, reach, flying } = this.values;
    const [x, y, z] = row.slice(0, 3).map((value) => (value / reach).toFixed(2));
    const degrees = (2 * Math.atan(0.5 / (lens[0] * row[9])) * 180) / Math.PI;
    const flight = flying ? `, flying ${flying}` : "";
    this.#words("camera", `Camera ${x} right, ${y} down, ${z} forward, in depths of the scene; field of view ${degrees.toFixed(0)}°${flight}.`);
  }

  #words(name, text) {
    const line = this.find(`[data-out=${name}]`);
    if (line.textContent !== text) line.textContent = text;
  }
}
