/** Toasts: short messages over the stage that go by themselves; problems stay longer and can be closed. */

const NOTE_MS = 4500;
const PROBLEM_MS = 12000;
const MOST = 3;

export class Toasts {
  constructor(box) {
    this.box = box;
  }

  note(text) {
    this.#show(text, "note", NOTE_MS);
  }

  problem(text) {
    this.#show(text, "problem", PROBLEM_MS);
  }

  #show(text, kind, milliseconds) {
    const same = [...this.box.children].find((toast) => toast.firstChild.textContent === text);
    same?.remove();
    const toast = document.createElement("div");
    toast.className = `toast ${kind}`;
    const words = document.createElement("span");
    words.textContent = text;
    const close = document.createElement("button");
    Object.assign(close, { type: "button", textContent: "×", ariaLabel: "Close message" });
    close.onclick = () => toast.remove();
    toast.append(words, close);
    this.box.append(toast);
    while (this.box.children.length > MOST) this.box.firstChild.remove();
    setTimeout(() => toast.remove(), milliseconds);
  }
}
