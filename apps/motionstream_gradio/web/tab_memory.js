/** What a browser tab remembers over a reload; a page may be denied its storage, and then a reload begins anew. */

export class TabMemory {
  constructor(key) {
    this.key = key;
  }

  get(name) {
    return this.#use((store) => store.getItem(`${this.key}.${name}`));
  }

  set(name, text) {
    this.#use((store) => store.setItem(`${this.key}.${name}`, text));
  }

  forget(name) {
    this.#use((store) => store.removeItem(`${this.key}.${name}`));
  }

  #use(act) {
    try {
      return act(window.sessionStorage) ?? null;
    } catch {
      return null;
    }
  }
}
