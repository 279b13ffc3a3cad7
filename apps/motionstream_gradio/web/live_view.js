/** <motionstream-live>: the stage, its tools and what is measured, put together. Gradio only holds the tag. */

import { Controls } from "./controls.js";
import { showableCodecs } from "./decoder.js";
import { DragTools } from "./drag_tools.js";
import { Keyboard } from "./keyboard.js";
import { Overlay } from "./overlay.js";
import { Pictures } from "./pictures.js";
import { Stage } from "./stage.js";
import { Stats } from "./stats.js";
import { LiveStream } from "./stream.js";
import { liveViewMarkup } from "./template.js";
import { TabMemory } from "./tab_memory.js";
import { Toasts } from "./toasts.js";

const FPS_SECONDS = 2;

class LiveView extends HTMLElement {
  /** config: {root, provider, tools, panel, lead, examples, login}; see `live_view.py`. */
  begin(config) {
    if (this.stream) return;
    this.config = config;
    this.wanted = { codec: "auto", onPicture: "restart", saveOnStop: false, quality: null, presentation: null };
    this.shown = { overlay: true, told: false };
    this.shownAt = [];
    this.#build();
    this.#connect();
    this.#openPanel();
    if (!config.login) this.stream.connection.open();
  }

  /** A signed ticket for pages behind a login; the connection waits for it. */
  admit(ticket) {
    if (!ticket || !this.stream) return;
    this.ticket = ticket;
    const path = `${this.config.root}/`; // files of recordings are fetched by links, which can only bring a cookie
    document.cookie = `motionstream_ticket=${ticket}; path=${path}; SameSite=Lax`;
    const { connection } = this.stream;
    if (!connection.wanted) connection.open();
  }

  /** Settings from the page around: {codec, quality, presentation, scanHz, fit, ..., provider: {...}}. */
  adjust(values) {
    if (this.stream) this.controls.adjust(values);
  }

  disconnectedCallback() {
    this.keyboard?.close();
    this.panel?.close();
    this.stream?.connection.close();
    this.stream = null;
  }

  #build() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const styles = new URL("live_view.css", import.meta.url);
    root.innerHTML = `<link rel="stylesheet" href="${styles}">${liveViewMarkup(this.config)}`;
    this.find = (selector) => root.querySelector(selector);
    this.toasts = new Toasts(this.find(".toasts"));
    this.stats = new Stats(this.find(".card.live"));
    this.stage = new Stage({
      frame: this.find(".frame"),
      video: this.find(".video"),
      overlay: this.find("canvas.overlay"),
      onResize: () => this.#redraw(),
    });
    this.overlay = new Overlay(this.find("canvas.overlay"));
  }

  #connect() {
    const { root, provider, tools, examples } = this.config;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.memory = new TabMemory(`motionstream.${root}.${provider}`);
    this.stream = new LiveStream({
      url: `${scheme}://${location.host}${root}/ws/live`,
      memory: this.memory,
      hello: () => this.#hello(),
    });
    this.stream.options.provider = provider;
    this.tools = tools ? new DragTools({ stage: this.stage, stream: this.stream, surface: this.find(".surface") }) : null;
    this.controls = new Controls(this);
    this.keyboard = new Keyboard({
      surface: this.find(".surface"),
      first: (event) => this.panel?.key?.(event) ?? false,
      active: () => this.checkVisibility() && !this.find("dialog").open,
      act: (name) => this.controls.act(name),
      onPointer: (phase, dx, dy) => this.controls.keyPointer(phase, dx, dy),
    });
    this.pictures = new Pictures({
      box: this.find(".pictures"),
      fileInput: this.find("[data-file=picture]"),
      base: new URL(`${root}/studio/examples/`, location.href),
      examples,
      onChoose: (picture) => this.#chosen(picture),
      onProblem: (text) => this.toasts.problem(text),
    });
    this.#listen();
    if (!this.stream.connection.remembers) this.#firstPicture();
    const tick = (now) => {
      if (!this.stream) return;
      this.#tick(now);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  /**
   * What a provider's own tab has besides: `Panel(view, box)` of the module "<panel>_panel.js" fills a box under the
   * video. It may have `key(event)`, which says whether the key was its own, `changed()` for when the stream changed,
   * `report(values)` for what the provider shows of itself, `pointColour(i, n)` for its n tracks, and has `close()`.
   */
  async #openPanel() {
    const { panel } = this.config;
    if (!panel) return;
    const { Panel } = await import(`./${panel}_panel.js`);
    if (!this.stream) return; // the page went on meanwhile
    this.panel = new Panel(this, this.find(".panel"));
    this.panel.report?.(this.stream.report);
    this.#changed();
  }

  async #hello() {
    const token = this.ticket ?? new URLSearchParams(location.search).get("token");
    return { token, codecs: await showableCodecs(this.wanted.codec), tracks: true };
  }

  #listen() {
    const { stream, toasts } = this;
    const on = (name, act) => stream.addEventListener(name, ({ detail }) => act(detail));
    on("change", () => this.#changed());
    on("note", (text) => toasts.note(text));
    on("problem", (text) => toasts.problem(text));
    on("stats", () => this.#measured());
    on("ready", (info) => this.#ready(info));
    on("state", (state) => this.#stateChanged(state));
    on("report", (values) => this.panel?.report?.(values));
    on("recorded", (recording) => this.controls.recorded(recording));
    document.addEventListener("visibilitychange", () => this.#visibility());
    window.addEventListener("pagehide", () => this.#leave());
    new IntersectionObserver(() => this.#visibility()).observe(this.find(".frame"));
    for (const name of ["dragover", "drop"]) this.addEventListener(name, (event) => this.#dropped(event));
    document.addEventListener("paste", (event) => this.checkVisibility() && this.#pasted(event));
    this.find(".surface").addEventListener("pointermove", () => (this.dirty = true));
    this.find(".surface").addEventListener("pointerleave", () => (this.dirty = true));
  }

  #ready(info) {
    this.stage.setAspect(info.width, info.height);
    this.resumed = info.resumed && this.stream.alive;
    if (this.resumed) this.#remember();
    else if (!this.stream.picture) this.#firstPicture();
    const { quality, presentation } = this.wanted;
    if (quality || presentation) this.stream.configure({ quality, presentation }); // a new connection forgets it
  }

  /** The frame and the marks from before a reload; the stream itself goes on at the server. */
  async #remember() {
    if (this.current) return;
    const { marks } = this.stream;
    marks.placed = JSON.parse(this.memory.get("marks") ?? "[]");
    const frame = this.memory.get("frame");
    if (!frame) return;
    const image = await createImageBitmap(await (await fetch(frame)).blob());
    if (!this.current) this.#show({ image, fit: "crop" });
  }

  #leave() {
    if (!this.stream?.alive || !this.current) return;
    this.memory.set("frame", this.find(".video").toDataURL("image/jpeg", 0.8));
    this.memory.set("marks", JSON.stringify(this.stream.marks.placed));
  }

  #firstPicture() {
    const [first] = this.config.examples;
    if (first) this.pictures.example(first);
  }

  #stateChanged(state) {
    if (this.resumed) this.controls.fill(state);
    if (this.resumed) this.#visibility();
    this.resumed = false;
    if (!this.stream.moving) this.tools?.release();
    if (state.status === "streaming" && this.wanted.saveOnStop && !this.stream.recording) this.stream.record(true);
  }

  async #chosen({ bytes, image, prompt, seed, marks }) {
    const { stream } = this;
    stream.setPicture(bytes);
    if (prompt !== undefined) this.controls.fill({ prompt, seed });
    if (stream.alive && this.wanted.onPicture === "cut") return stream.cut();
    const going = stream.moving;
    stream.marks.clear();
    for (const mark of marks ?? []) if (this.tools) stream.place(mark);
    this.#show({ image, fit: stream.options.fit });
    if (going) stream.start();
    else if (stream.alive) stream.stop();
    return this.#changed();
  }

  #show(current) {
    if (this.current && this.current.image !== current.image) this.current.image.close();
    this.current = current;
    this.#redraw();
  }

  /** The picture is brought to the video's shape in another way. */
  refit() {
    if (!this.current || this.stream.alive) return;
    this.current.fit = this.stream.options.fit;
    this.#redraw();
  }

  #redraw() {
    this.dirty = true;
    if (this.current) this.stage.draw(this.current.image, this.current.fit);
  }

  #tick(now) {
    const entry = this.stream.nextFrame(now);
    if (entry) {
      this.#show({ image: entry.image, fit: "crop" });
      this.shownAt.push(now);
    }
    if (!this.dirty && !this.tools?.gestures.size) return;
    this.dirty = false;
    this.overlay.draw(this.#scene());
  }

  #scene() {
    const { stream, tools, shown } = this;
    const [stroke] = tools ? tools.strokes : [];
    return {
      tracks: stream.alive && stream.frame ? stream.told.of(stream.frame.frame) : null,
      waiting: [...stream.marks.waiting, ...(tools ? tools.strokes.slice(1) : [])],
      hands: tools ? tools.hands : [],
      stroke,
      cursor: tools ? tools.cursor : null,
      told: shown.told && stream.alive,
      showTracks: shown.overlay,
      colour: this.panel?.pointColour ?? null,
      aspect: this.stage.aspect,
    };
  }

  #measured() {
    const now = performance.now();
    this.shownAt = this.shownAt.filter((at) => now - at < FPS_SECONDS * 1000);
    const { stats, generation, roundTripMs } = this.stream;
    this.stats.show({ stats, generation, roundTripMs, shownFps: this.shownAt.length / FPS_SECONDS });
    this.controls.show();
  }

  #changed() {
    this.dirty = true;
    this.controls.show();
    this.panel?.changed?.();
  }

  /** Where nobody looks nothing is shown, so nothing is made either. */
  #visibility() {
    if (!this.stream) return;
    const seen = !document.hidden && this.checkVisibility();
    if (!seen && this.stream.moving) {
      this.memory.set("waits", "yes"); // a reload hides the page too
      this.stream.pause();
    } else if (seen && this.stream.status === "paused" && this.memory.get("waits")) {
      this.memory.forget("waits");
      this.stream.resume();
    }
  }

  #dropped(event) {
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    if (event.type === "drop" && file) this.pictures.own(file);
  }

  #pasted(event) {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) this.pictures.own(file);
  }
}

if (!customElements.get("motionstream-live")) customElements.define("motionstream-live", LiveView);
