/** Controls: buttons, keys, sliders and fields of a live view, and what they show of the stream. */

import { icon } from "./icons.js";
import { marksOf, saveMarks } from "./mark_file.js";

const MOST_ACROSS = 29; // points of a grid side by side; more is slow and says nothing new

const FILES = {
  "video.mp4": "MP4",
  "clip.gif": "GIF",
  "tracks.npz": "Tracks, NumPy",
  "tracks.json": "Tracks, JSON",
  "control.jsonl": "Control log",
};

export class Controls {
  constructor(view) {
    this.view = view;
    this.stream = view.stream;
    this.tools = view.tools;
    this.find = view.find;
    this.keyPlace = [0.5, 0.5];
    view.shadowRoot.addEventListener("click", (event) => this.#clicked(event));
    this.find(".lead").textContent = view.config.lead;
    this.#fields();
    this.#timeline();
    if (this.tools) this.#options();
    this.show();
  }

  /** What a button or a key stands for. */
  act(name) {
    if (name.startsWith("tool:")) return this.#choose(name.slice(5));
    const act = this[`do_${name}`];
    return act?.call(this);
  }

  do_start() {
    const { stream } = this;
    if (stream.alive) return stream.stop();
    if (!stream.hasPicture) return this.view.pictures.choose();
    this.#readFields();
    return stream.start();
  }

  do_pause() {
    this.view.memory.forget("waits"); // from now on it waits because somebody wants it to
    if (this.stream.status === "paused") this.stream.resume();
    else this.stream.pause();
  }

  do_reset() {
    this.stream.seek(0);
  }

  do_record() {
    if (this.stream.alive) this.stream.record(!this.stream.recording);
  }

  do_undo() {
    this.stream.undo();
  }

  do_redo() {
    this.stream.redo();
  }

  do_clear() {
    this.stream.clear();
  }

  do_save() {
    saveMarks(this.stream.marks.all());
  }

  do_load() {
    this.find("[data-file=marks]").click();
  }

  do_overlay() {
    this.view.shown.overlay = !this.view.shown.overlay;
    this.show();
  }

  do_told() {
    this.view.shown.told = !this.view.shown.told;
    this.show();
  }

  do_full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.find(".middle").requestFullscreen?.();
  }

  do_help() {
    this.find("dialog").showModal();
  }

  do_choose() {
    this.view.pictures.choose();
  }

  do_dice() {
    this.find("[data-in=seed]").value = Math.floor(Math.random() * 1e6);
    this.#readFields();
  }

  do_smaller() {
    this.#resize(-0.01);
  }

  do_larger() {
    this.#resize(0.01);
  }

  do_escape() {
    this.tools?.drop();
  }

  /** The keyboard's pointer on the stage. */
  keyPointer(phase, dx, dy) {
    if (!this.tools) return;
    this.keyPlace = this.keyPlace.map((value, i) => Math.min(0.99, Math.max(0.01, value + [dx, dy][i])));
    if (phase === "press") this.keyDown = !this.keyDown;
    this.tools.key(phase === "move" ? "move" : this.keyDown ? "down" : "up", this.keyPlace);
    this.view.dirty = true;
  }

  /** Prompt and seed of an example, or of a stream that was found again. */
  fill({ prompt, seed }) {
    this.find("[data-in=prompt]").value = prompt ?? "";
    this.find("[data-in=seed]").value = seed ?? 0;
    Object.assign(this.stream.options, { prompt: prompt ?? "", seed: seed ?? 0 });
  }

  /** Settings from the page around; what is empty is the checkpoint's or the server's choice. */
  adjust({ provider, codec, quality, presentation, scanHz, ...rest }) {
    const { view, stream, tools } = this;
    if (provider) this.#adjustProvider(provider);
    if (scanHz && tools) tools.scanHz = scanHz;
    const sending = Object.fromEntries(Object.entries({ quality, presentation }).filter(([, value]) => value));
    Object.assign(view.wanted, sending);
    if (Object.keys(sending).length) stream.configure(sending);
    for (const name of ["onPicture", "saveOnStop"]) if (name in rest) view.wanted[name] = rest[name];
    if ("fit" in rest) stream.options.fit = rest.fit;
    for (const name of ["sink_frames", "window_frames"]) if (name in rest) this.#adjustMemory(name, rest[name].trim());
    if ("timesteps" in rest) this.#adjustTimesteps(rest.timesteps);
    if (codec && codec !== view.wanted.codec) {
      view.wanted.codec = codec;
      stream.connection.reopen();
    }
    if ("fit" in rest) view.refit();
  }

  #adjustProvider(settings) {
    const { tools, stream } = this;
    for (const [name, value] of Object.entries(settings)) {
      if (tools && name in tools.grid) tools.grid[name] = value;
      else stream.options.settings[name] = value;
    }
    const live = tools && Object.keys(settings).every((name) => name in tools.grid);
    if (!live && stream.alive) this.view.toasts.note("This setting applies from the next start.");
    this.view.dirty = true;
  }

  #adjustMemory(name, text) {
    if (!/^\d{0,3}$/.test(text)) {
      this.view.toasts.problem(`${name.replace("_", " ")}: wanted a whole number of latent frames, got "${text}".`);
      return;
    }
    this.stream.options[name] = text === "" ? null : Number(text);
  }

  #adjustTimesteps(text) {
    const steps = text.split(/[\s,;]+/).filter(Boolean).map(Number);
    if (steps.some((step) => !(step > 0 && step <= 1000))) {
      this.view.toasts.problem(`Denoising steps: wanted falling numbers from 1000 to above 0, such as "1000, 500"; got "${text}".`);
      return;
    }
    this.stream.options.timesteps = steps.length ? steps : null;
  }

  recorded({ name, seconds, files }) {
    const folder = `${this.view.config.root}/api/recordings/${encodeURIComponent(name)}`;
    const wanted = Object.entries(FILES).filter(([file]) => files.includes(file) || file === "clip.gif");
    const links = wanted.map(([file, label]) => `<a href="${folder}/${file}" download="${name}-${file}">${label}</a>`);
    this.find(".files").innerHTML = links.join("");
    this.find(".recorded").hidden = false;
    this.find(".recorded h3").textContent = `Newest recording, ${seconds.toFixed(1)} s`;
    this.view.toasts.note("The recording is saved; its files are beside the video.");
    document.dispatchEvent(new CustomEvent("motionstream-recorded"));
  }

  /** Bring everything in line with the stream. */
  show() {
    const { stream, find } = this;
    const studio = find(".studio");
    const { status, words } = statusOf(stream, this.tools);
    studio.dataset.status = status;
    const line = find(".status span");
    if (line.textContent !== words) line.textContent = words;
    const loading = status === "loading" && !stream.hasPicture;
    find(".loading").hidden = status !== "loading";
    find(".loading p").textContent = loading ? words : "";
    find(".empty").hidden = stream.hasPicture || loading || stream.alive;
    find(".badge").hidden = !stream.recording;
    find(".card.live").hidden = !stream.stats;
    this.#showButtons();
    this.#showTimeline();
    this.view.dirty = true;
  }

  #showButtons() {
    const { stream, view } = this;
    const { alive } = stream;
    const linked = stream.link.state === "open";
    this.#button("start", alive ? "stop" : "start", alive ? "Stop" : "Start", linked || stream.link.state === "refused");
    const paused = stream.status === "paused";
    this.#button("pause", paused ? "resume" : "pause", paused ? "Resume" : "Pause", alive && stream.status !== "queued");
    this.#button("reset", "reset", "Reset", alive && stream.status !== "queued");
    this.#button("record", "record", stream.recording ? "Stop recording" : "Record", alive);
    this.#pressed("record", stream.recording);
    this.#pressed("overlay", view.shown.overlay);
    this.#pressed("told", view.shown.told);
  }

  #button(name, image, label, enabled) {
    const button = this.find(`[data-do=${name}]`);
    button.disabled = !enabled;
    if (button.dataset.face === label) return;
    button.dataset.face = label;
    button.innerHTML = `${icon(image)}<span>${label}</span>`;
    button.ariaLabel = label;
    button.title = button.title.replace(/^[^(]*/, `${label} `);
  }

  #pressed(name, on) {
    this.find(`[data-do=${name}]`).setAttribute("aria-pressed", on);
  }

  #clicked(event) {
    const button = event.target.closest?.("button");
    const { do: name, tool } = button?.dataset ?? {};
    if (name || tool) this.act(name ?? `tool:${tool}`);
    const byMouse = button && event.detail > 0; // then Enter and Space go on meaning start and pause
    if (byMouse && !["help", "load"].includes(name)) this.find(".surface").focus({ preventScroll: true });
  }

  #choose(tool) {
    if (!this.tools) return;
    this.tools.tool = tool;
    for (const button of this.view.shadowRoot.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", button.dataset.tool === tool);
    }
    const shown = { speed: ["path"], ease: ["path"], pinned: ["brush"] };
    for (const option of this.view.shadowRoot.querySelectorAll("[data-option]")) {
      const tools = shown[option.dataset.option] ?? ["drag", "pin", "path", "brush"];
      option.hidden = !tools.includes(tool);
    }
    this.find(".surface").dataset.tool = tool;
    this.view.dirty = true;
  }

  #options() {
    const { tools } = this;
    for (const input of this.view.shadowRoot.querySelectorAll(".options input")) {
      const holder = { speed: tools.path, ease: tools.path, pinned: tools.brush }[input.name] ?? tools.grid;
      const box = input.type === "checkbox";
      if (box) input.checked = holder[input.name];
      else input.value = holder[input.name];
      input.oninput = () => {
        holder[input.name] = box ? input.checked : Number(input.value);
        this.#showOptions();
      };
    }
    this.#showOptions();
    this.#choose(tools.tool);
    const file = this.find("[data-file=marks]");
    file.onchange = () => file.files[0] && this.#load(file.files[0]);
  }

  #showOptions() {
    const { grid, path } = this.tools;
    grid.spacing = Math.max(grid.spacing, (2 * grid.radius) / (MOST_ACROSS - 1));
    const words = { radius: `${Math.round(100 * grid.radius)} %`, spacing: `${(100 * grid.spacing).toFixed(1)} %`, speed: `${path.speed.toFixed(2)} /s` };
    for (const [name, text] of Object.entries(words)) {
      const input = this.find(`.options input[name=${name}]`);
      input.value = { ...grid, ...path }[name];
      input.nextElementSibling.textContent = text;
    }
    this.view.dirty = true;
  }

  #resize(by) {
    if (!this.tools) return;
    this.tools.grid.radius = Math.min(0.5, Math.max(0, this.tools.grid.radius + by));
    this.#showOptions();
  }

  async #load(file) {
    try {
      for (const mark of marksOf(JSON.parse(await file.text()))) this.stream.place(mark);
    } catch (error) {
      this.view.toasts.problem(`${file.name} holds no motion: ${error.message}. Choose a file that was saved here.`);
    }
    this.find("[data-file=marks]").value = "";
  }

  #fields() {
    const prompt = this.find("[data-in=prompt]");
    prompt.onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      this.#newPrompt(prompt.value);
    };
    prompt.onchange = () => this.#newPrompt(prompt.value);
    this.find("[data-in=seed]").onchange = () => this.#readFields();
  }

  #newPrompt(text) {
    if (text === this.stream.options.prompt) return;
    this.stream.prompt(text);
    if (this.stream.alive) this.view.toasts.note("The prompt changes with the next chunk.");
  }

  #readFields() {
    const { options } = this.stream;
    options.prompt = this.find("[data-in=prompt]").value;
    options.seed = Math.max(0, Math.floor(Number(this.find("[data-in=seed]").value) || 0));
  }

  #timeline() {
    const input = this.find("[data-timeline]");
    input.oninput = () => {
      this.seeking = true;
      this.find("[data-out=chunk]").textContent = `to chunk ${input.value}`;
    };
    input.onchange = () => {
      this.seeking = false;
      this.stream.seek(Number(input.value));
    };
  }

  #showTimeline() {
    const { alive, chunk } = this.stream;
    const input = this.find("[data-timeline]");
    this.find(".timeline").hidden = !alive || chunk < 1;
    if (this.seeking) return;
    Object.assign(input, { max: chunk, value: chunk });
    this.find("[data-out=chunk]").textContent = `chunk ${chunk}`;
  }
}

/** One word for colours, one line for people. */
function statusOf(stream, tools) {
  const { link, status, queue, info, progress, hasPicture, marks } = stream;
  if (link.state === "refused") return { status: "failed", words: link.reason };
  if (link.state === "retrying" && link.failures > 1) {
    return { status: "retrying", words: "The server does not answer; trying again. Your picture and marks are kept." };
  }
  if (!info || link.state !== "open") return { status: "loading", words: progress || "Connecting" };
  if (status === "queued") {
    const place = queue ? `, number ${queue.position} of ${queue.waiting}` : "";
    return { status, words: `Waiting for a turn${place}. It starts by itself.` };
  }
  if (status === "streaming") return { status, words: tools ? "Streaming: drag anything in the picture." : "Streaming." };
  if (status === "paused") return { status, words: tools ? "Paused: place pins and paths, then resume." : "Paused." };
  if (status === "failed") return { status, words: "The stream failed. Press Start to begin again." };
  if (!hasPicture) return { status: "idle", words: "Choose a picture." };
  if (!tools) return { status: "idle", words: "Press Start." };
  const placed = "Press Start: what you placed moves by itself, the rest is yours to drag.";
  return { status: "idle", words: marks.waiting.length ? placed : "Press Start, then drag a thing in the picture." };
}
