/** One WebSocket that comes back: hello and resume, pings, waiting longer after each failure. */

import { SUBPROTOCOL, VERSION } from "./protocol.js";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8000;
const PING_MS = 2000;

/** Why the server closed for good; other codes are worth another try. */
const FINAL = {
  4400: "The server did not understand this page. Reload it; if that does not help, the two are of different versions.",
  4401: "The server asks for a token. Open the page with the address that the server printed, with ?token= in it.",
  4409: "This stream went on in another tab. Press Start to begin a new one here.",
};

/**
 * Events: "message" (detail: the message), "packet" (detail: ArrayBuffer),
 * "link" (detail: {state: "connecting" | "open" | "retrying" | "refused", reason, seconds}).
 */
export class Connection extends EventTarget {
  constructor({ url, memory, hello }) {
    super();
    this.url = url;
    this.memory = memory;
    this.hello = hello; // () -> the fields of Hello that may change: token, codecs, tracks
    this.failures = 0;
    this.ready = false;
    this.wanted = false;
  }

  open() {
    this.wanted = true;
    clearTimeout(this.retry);
    this.#drop();
    this.#link("connecting");
    const socket = new WebSocket(this.url, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#greet(socket);
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = ({ code }) => socket === this.socket && this.#closed(code);
    this.socket = socket;
  }

  /** Leave for good. */
  close() {
    this.wanted = false;
    clearTimeout(this.retry);
    this.#drop();
  }

  /** Come back at once, with the same stream, such as after the codec was changed. */
  reopen() {
    if (this.wanted) this.open();
  }

  /** Send a message; where the link is down it is dropped, and false is returned. */
  send(message) {
    if (!this.ready) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  sendBinary(buffer) {
    if (!this.ready) return false;
    this.socket.send(buffer);
    return true;
  }

  /** Bytes that wait to leave this machine. */
  get buffered() {
    return this.socket?.bufferedAmount ?? 0;
  }

  /** An earlier page of this tab left a stream that can be taken up again. */
  get remembers() {
    return Boolean(this.memory.get("resume"));
  }

  forget() {
    this.memory.forget("resume");
  }

  async #greet(socket) {
    const fields = await this.hello();
    const resume = this.memory.get("resume");
    if (socket !== this.socket || socket.readyState !== WebSocket.OPEN) return;
    socket.send(JSON.stringify({ type: "hello", version: VERSION, resume, ...fields }));
  }

  #take(data) {
    if (typeof data !== "string") {
      this.dispatchEvent(new CustomEvent("packet", { detail: data }));
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "ready") this.#welcomed(message);
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  #welcomed(message) {
    this.ready = true;
    this.failures = 0;
    this.memory.set("resume", message.resume);
    this.roundTripMs = null;
    const ping = () => this.send({ type: "ping", t_ms: performance.now(), round_trip_ms: this.roundTripMs });
    this.pings = setInterval(ping, PING_MS);
    ping();
    this.#link("open");
  }

  #closed(code) {
    this.#drop();
    if (!this.wanted) return;
    if (code in FINAL) {
      this.wanted = false;
      this.forget();
      this.#link("refused", { code, reason: FINAL[code] });
      return;
    }
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures++);
    const wait = longest * (0.75 + 0.5 * Math.random());
    this.#link("retrying", { seconds: wait / 1000, failures: this.failures });
    this.retry = setTimeout(() => this.open(), wait);
  }

  #drop() {
    this.ready = false;
    clearInterval(this.pings);
    const socket = this.socket;
    this.socket = null;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(1000);
  }

  #link(state, more = {}) {
    this.dispatchEvent(new CustomEvent("link", { detail: { state, ...more } }));
  }
}
