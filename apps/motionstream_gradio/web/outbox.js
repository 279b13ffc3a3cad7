/** The outbox: numbers events, and keeps those that the server has not receipted, to send them again after a break. */

import { MAX_EVENTS } from "./protocol.js";

const KEPT = 4096;

export class Outbox {
  constructor() {
    this.next = Math.floor(Date.now()); // grows over reloads too, as numbers of a stream that goes on must
    this.waiting = []; // {seq, event: {t_ms, event}}
  }

  /** Number events and give the messages that carry them. */
  put(events) {
    const numbered = events.map((event) => ({ seq: this.next++, event }));
    this.waiting = [...this.waiting, ...numbered].slice(-KEPT);
    return messagesOf(numbered);
  }

  /** All up to this number have arrived. */
  received(seq) {
    this.waiting = this.waiting.filter((one) => one.seq > seq);
  }

  /** Messages with what may have been lost. */
  again() {
    return messagesOf(this.waiting);
  }

  forget() {
    this.waiting = [];
  }
}

function messagesOf(numbered) {
  const messages = [];
  for (let i = 0; i < numbered.length; i += MAX_EVENTS) {
    const part = numbered.slice(i, i + MAX_EVENTS);
    messages.push({ type: "events", seq: part[0].seq, events: part.map(({ event }) => event) });
  }
  return messages;
}
