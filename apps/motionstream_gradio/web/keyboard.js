/** Keys: one letter does what a button does, except where somebody writes, or a control has the key for itself. */

const WRITES = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]";
const TAKES_KEYS = "button, a[href], input, summary, select, [role=tab], [role=radio], [role=slider], [role=option]";

const KEYS = {
  Enter: "start",
  " ": "pause",
  r: "reset",
  z: "undo",
  y: "redo",
  v: "record",
  o: "overlay",
  t: "told",
  f: "full",
  "?": "help",
  Delete: "clear",
  d: "tool:drag",
  p: "tool:pin",
  l: "tool:path",
  b: "tool:brush",
  e: "tool:erase",
  "[": "smaller",
  "]": "larger",
  Escape: "escape",
};

/**
 * Calls `act(name)` for keys while `active()`, unless `first(event)` took them, which hears of keys that go up too;
 * `onPointer(phase, dx, dy)` for the keyboard's pointer on `surface`.
 */
export class Keyboard {
  constructor({ surface, active, act, first, onPointer }) {
    Object.assign(this, { surface, active, act, first, onPointer });
    this.listener = (event) => this.#key(event);
    for (const name of ["keydown", "keyup"]) document.addEventListener(name, this.listener);
  }

  close() {
    for (const name of ["keydown", "keyup"]) document.removeEventListener(name, this.listener);
  }

  #key(event) {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || !this.active() || target.matches?.(WRITES)) return;
    if (this.first(event)) return event.preventDefault();
    if (event.type === "keyup") return;
    const undo = event.ctrlKey || event.metaKey;
    if (event.altKey || (undo && event.key.toLowerCase() !== "z")) return;
    if (target === this.surface && this.#pointer(event)) return;
    const chosenTab = target.matches?.("[role=tab][aria-selected=true]"); // it has nothing more to do
    if (["Enter", " "].includes(event.key) && target.matches?.(TAKES_KEYS) && !chosenTab) return;
    const name = this.#name(event);
    if (!name || event.repeat && !["smaller", "larger"].includes(name)) return;
    event.preventDefault();
    this.act(name);
  }

  #name({ key, shiftKey }) {
    if (key === "Z" || (key === "z" && shiftKey)) return "redo";
    return KEYS[key] ?? KEYS[key.toLowerCase()];
  }

  #pointer(event) {
    const step = event.shiftKey ? 0.08 : 0.02;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (!move && event.key.toLowerCase() !== "x") return false;
    event.preventDefault();
    if (move) this.onPointer("move", ...move);
    else if (!event.repeat) this.onPointer("press", 0, 0);
    return true;
  }
}
