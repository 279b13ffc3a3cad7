/**
 * LiveStream: one person's stream as the page knows it; no document, no drawing.
 *
 * The page calls `start`, `pause`, `act`...; messages and packets come from the connection; frames go through the
 * decoder into the playout, and `nextFrame` hands out the one to draw and acknowledges it.
 *
 * Events: "change" (something to show anew), "frame", "note" and "problem" (detail: text), "stats", "report" (what the
 * provider of motion shows of itself, all of it), "recorded".
 */

import { Connection } from "./connection.js";
import { Decoder } from "./decoder.js";
import { Marks } from "./marks.js";
import { Outbox } from "./outbox.js";
import { Playout } from "./playout.js";
import { Kind, cameraPacket, parsePacket, picturePacket } from "./protocol.js";
import { ToldTracks } from "./told_tracks.js";

export class LiveStream extends EventTarget {
  constructor({ url, memory, hello }) {
    super();
    Object.assign(this, { status: "idle", generation: 0, chunk: 0, link: { state: "connecting" } });
    Object.assign(this, { info: null, stats: null, queue: null, frame: null, recording: false, roundTripMs: null });
    this.options = { prompt: "", seed: 0, provider: "drag", settings: {} };
    this.report = {};
    this.marks = new Marks();
    this.told = new ToldTracks();
    this.playout = new Playout();
    this.decoder = new Decoder({
      onFrame: (image, packet) => this.playout.push({ image, ...packet, payload: null }, performance.now()),
      onNeedKey: () => this.connection.send({ type: "key" }),
    });
    this.outbox = new Outbox();
    this.connection = new Connection({ url, memory, hello });
    this.connection.addEventListener("link", ({ detail }) => this.#linked(detail));
    this.connection.addEventListener("message", ({ detail }) => this.#take(detail));
    this.connection.addEventListener("packet", ({ detail }) => this.#packet(parsePacket(detail)));
  }

  /** Height / width of the video. */
  get aspect() {
    return this.info ? this.info.height / this.info.width : 1;
  }

  get moving() {
    return this.status === "streaming";
  }

  /** A stream is there, moving or not. */
  get alive() {
    return ["streaming", "queued", "paused"].includes(this.status);
  }

  /** Here, or at the server from before a reload. */
  get hasPicture() {
    return Boolean(this.picture) || this.pictureSent === true;
  }

  setPicture(bytes) {
    this.picture = bytes;
    this.pictureSent = false;
  }

  /** Begin from the picture; waiting marks are placed before the first frame. */
  start() {
    if (!this.hasPicture) return this.#problem("Choose a picture first.");
    if (!this.connection.ready) return this.#startOnceLinked();
    this.#sendPicture();
    this.begun = { at: performance.now(), after: this.generation };
    this.marks.placed = [];
    this.firstMarks = this.marks.take();
    this.launch = { events: this.firstMarks, resume: true, after: this.generation };
    const paused = this.firstMarks.length > 0; // so that not one frame is made without them
    if (!paused) this.launch = null;
    this.connection.send({ type: "start", ...this.options, paused });
  }

  stop() {
    this.connection.send({ type: "stop" });
  }

  pause() {
    if (this.moving) this.connection.send({ type: "pause" });
  }

  /** Go on, with the marks that were placed meanwhile. */
  resume() {
    if (this.status !== "paused") return;
    this.#tell(this.marks.take());
    this.connection.send({ type: "resume" });
  }

  /** Go back to the beginning of a chunk; 0 places the first marks again. */
  seek(chunk) {
    if (!this.alive || !this.connection.ready) return;
    const moving = this.moving;
    if (moving) this.connection.send({ type: "pause" });
    this.connection.send({ type: "seek", chunk });
    this.marks.seek(chunk);
    this.launch = { events: chunk === 0 ? (this.firstMarks ?? []) : [], resume: moving, after: this.generation };
  }

  /** Go on from a new picture, as after a cut in a film. */
  cut() {
    this.#sendPicture();
    this.connection.send({ type: "cut", prompt: this.options.prompt, fit: this.options.fit ?? "crop" });
  }

  prompt(text) {
    this.options.prompt = text;
    if (this.alive) this.connection.send({ type: "prompt", text });
  }

  record(on) {
    if (this.connection.send({ type: "record", on })) this.recording = on;
    this.#changed();
  }

  configure(fields) {
    this.connection.send({ type: "configure", ...fields });
  }

  /** Something the user did to the running stream; `event` as the provider reads it. */
  act(timedEvents) {
    for (const message of this.outbox.put(timedEvents)) this.connection.send(message);
    for (const { event } of timedEvents) {
      if (event.type === "press") this.told.roles.press(event, this.aspect);
      if (event.type !== "move") this.marks.tell(event, this.chunk);
    }
  }

  /** A JPEG of a live camera; where the link is down it is dropped, and false is returned. */
  camera(bytes, takenMs) {
    return this.connection.sendBinary(cameraPacket(bytes, takenMs));
  }

  /** A mark: at once where the picture moves, otherwise with the next start or resume. */
  place(event) {
    if (this.moving) this.#tell([event]);
    else this.marks.add(event);
    this.#changed();
  }

  /** Take away what lies at a place, waiting or already moving. */
  erase(x, y, aspect) {
    if (!this.marks.removeAt(x, y, aspect) && this.alive) this.place({ type: "remove", x, y });
    else this.#changed();
  }

  undo() {
    if (!this.marks.undo() && this.alive) this.#tell([{ type: "undo" }]);
    this.#changed();
  }

  redo() {
    if (!this.marks.redo() && this.alive) this.#tell([{ type: "redo" }]);
    this.#changed();
  }

  clear() {
    this.marks.clear();
    this.firstMarks = [];
    if (this.alive) this.#tell([{ type: "clear" }]);
    this.#changed();
  }

  /** The frame that is due, acknowledged as shown; null where the one before stays. The caller draws it at once. */
  nextFrame(now) {
    const entry = this.playout.due(now);
    if (!entry) return null;
    this.frame = entry;
    this.connection.send({ type: "ack", packet: entry.sequence, shown_ms: performance.now() });
    return entry;
  }

  #tell(events) {
    const now = performance.now();
    this.act(events.map((event) => ({ t_ms: now, event })));
  }

  #sendPicture() {
    if (this.pictureSent) return;
    this.connection.sendBinary(picturePacket(this.picture));
    this.pictureSent = true;
  }

  #startOnceLinked() {
    this.startWanted = true;
    if (!this.connection.wanted) this.connection.open();
  }

  #linked(link) {
    this.link = link;
    if (link.state === "refused") this.#lost();
    if (link.state !== "open") this.decoder.reset();
    this.#changed();
  }

  #take(message) {
    const take = this[`on_${message.type}`];
    if (take) take.call(this, message);
  }

  on_ready(message) {
    this.info = message;
    this.pictureSent = message.resumed && !this.picture;
    this.progress = null;
    this.playout.configure({ fps: message.fps, framesPerChunk: message.frames_per_chunk });
    if (this.alive && !message.resumed) {
      this.#lost();
      this.#note("The server was started anew: press Start to begin again.");
    } else this.status = message.status;
    if (message.resumed) for (const events of this.outbox.again()) this.connection.send(events);
    else this.outbox.forget();
    this.dispatchEvent(new CustomEvent("ready", { detail: message }));
    this.#changed();
    if (this.startWanted) {
      this.startWanted = false;
      this.start();
    }
  }

  on_state(message) {
    if (!this.info) {
      this.progress = message.description;
      return this.#changed();
    }
    if (message.generation !== this.generation) this.#newBranch(message);
    const before = this.status;
    Object.assign(this, { status: message.status, chunk: message.chunk, queue: null });
    if (message.status === "paused") this.#launched();
    if (!this.alive) this.recording = false;
    if (message.status === "failed") this.#problem(message.description || "The stream failed.");
    else if (message.description && before !== message.status && message.description !== this.said) {
      this.said = message.description; // what was done to the picture need be said once
      this.#note(message.description);
    }
    this.dispatchEvent(new CustomEvent("state", { detail: message }));
    this.#changed();
  }

  on_queued(message) {
    this.status = "queued";
    this.queue = message;
    this.#changed();
  }

  on_stats(message) {
    this.stats = message;
    this.chunk = message.chunk;
    this.recording = message.recording_seconds !== null;
    this.dispatchEvent(new CustomEvent("stats", { detail: message }));
  }

  on_report(message) {
    this.report = { ...this.report, ...message.values };
    this.dispatchEvent(new CustomEvent("report", { detail: this.report }));
  }

  on_received(message) {
    this.outbox.received(message.seq);
  }

  on_applied(message) {
    this.chunk = Math.max(this.chunk, message.chunk);
  }

  on_pong(message) {
    this.roundTripMs = performance.now() - message.t_ms;
    this.connection.roundTripMs = this.roundTripMs;
  }

  on_recorded(message) {
    this.dispatchEvent(new CustomEvent("recorded", { detail: message }));
  }

  on_error(message) {
    if (message.code === "input") this.launch = null;
    this.#problem(message.message);
  }

  /** The stream waits, as asked for: place the marks, then go on. */
  #launched() {
    const { launch } = this;
    if (!launch || launch.after === this.generation) return;
    this.launch = null;
    if (launch.events.length) this.#tell(launch.events);
    if (launch.resume) this.connection.send({ type: "resume" });
  }

  #newBranch({ generation }) {
    this.generation = generation;
    this.report = {};
    this.decoder.reset();
    this.playout.reset();
    this.told.clear();
  }

  #packet(packet) {
    if (packet.generation !== this.generation % 65536) return;
    if (packet.kind === Kind.TRACKS) this.told.add(packet, this.marks.placed, this.aspect);
    else this.decoder.decode(packet);
  }

  #lost() {
    Object.assign(this, { status: "idle", chunk: 0, frame: null, stats: null, report: {}, recording: false, launch: null });
    this.decoder.reset();
    this.playout.reset();
    this.told.clear();
    this.marks.placed = [];
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #note(text) {
    this.dispatchEvent(new CustomEvent("note", { detail: text }));
  }

  #problem(text) {
    this.dispatchEvent(new CustomEvent("problem", { detail: text }));
  }
}
