/** Pictures: the examples and the user's own, as thumbnails; gives the bytes that go to the server. */

import { icon } from "./icons.js";

const LONGEST_SIDE = 2048; // pixels; the models work far below it
const LARGE_BYTES = 2_000_000;

/** Calls `onChoose({bytes, image, prompt, seed, marks})`, or `onProblem(text)`. */
export class Pictures {
  constructor({ box, fileInput, base, examples, onChoose, onProblem }) {
    Object.assign(this, { box, fileInput, base, examples, onChoose, onProblem });
    fileInput.onchange = () => fileInput.files[0] && this.own(fileInput.files[0]);
    box.replaceChildren(...examples.map((example) => this.#thumbnail(example)), this.#ownTile());
  }

  choose() {
    this.fileInput.value = "";
    this.fileInput.click();
  }

  async example(example) {
    try {
      const [picture, script] = await Promise.all([
        fetched(new URL(example.image, this.base)),
        example.script ? fetched(new URL(example.script, this.base)) : null,
      ]);
      const marks = script ? (await script.json()).events : [];
      await this.#use(await picture.blob(), { prompt: example.prompt, seed: example.seed, marks });
      this.#mark(example.name);
    } catch (error) {
      this.onProblem(`The example could not be loaded: ${error.message}.`);
    }
  }

  /** A file that was chosen, dropped or pasted. */
  async own(file) {
    try {
      await this.#use(file, {});
    } catch {
      this.onProblem(`${file.name || "This"} is not a picture that this browser can read. Choose a JPEG, PNG or WebP file.`);
      return;
    }
    this.tile.style.backgroundImage = `url("${URL.createObjectURL(file)}")`;
    this.tile.classList.add("filled");
    this.#mark("own");
  }

  async #use(blob, more) {
    const image = await createImageBitmap(blob, { imageOrientation: "from-image" });
    const large = blob.size > LARGE_BYTES || Math.max(image.width, image.height) > 2 * LONGEST_SIDE;
    const sent = large ? await shrunk(image) : blob;
    await this.onChoose({ bytes: new Uint8Array(await sent.arrayBuffer()), image, ...more });
  }

  #thumbnail(example) {
    const button = tile(example.name, example.name);
    button.style.backgroundImage = `url("${new URL(example.thumbnail ?? example.image, this.base)}")`;
    button.onclick = () => this.example(example);
    return button;
  }

  #ownTile() {
    this.tile = tile("own", "Your own picture");
    this.tile.classList.add("own");
    this.tile.innerHTML = `${icon("picture")}<span>Yours</span>`;
    this.tile.onclick = () => this.choose();
    return this.tile;
  }

  #mark(name) {
    for (const button of this.box.children) button.setAttribute("aria-pressed", button.dataset.name === name);
  }
}

function tile(name, label) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", title: label, ariaLabel: label });
  button.dataset.name = name;
  button.setAttribute("aria-pressed", "false");
  return button;
}

async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status}`);
  return response;
}

async function shrunk(image) {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(image.width, image.height));
  const canvas = new OffscreenCanvas(Math.round(image.width * scale), Math.round(image.height * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}
