/** The markup of the camera's panel. Pads name their key in `data-key`, buttons what they do in `data-act`. */

const PRESETS = [
  ["orbit", "Orbit"],
  ["arc", "Arc"],
  ["dolly", "Dolly"],
  ["dolly-zoom", "Dolly zoom"],
  ["crane", "Crane"],
  ["handheld", "Handheld"],
  ["spiral", "Spiral"],
];

const GO = [
  ["q", "Q", "Down"],
  ["w", "W", "Forward"],
  ["e", "E", "Up"],
  ["a", "A", "Left"],
  ["s", "S", "Back"],
  ["d", "D", "Right"],
];

const LOOK = [
  ["", "", ""],
  ["ArrowUp", "↑", "Look up"],
  ["", "", ""],
  ["ArrowLeft", "←", "Turn left"],
  ["ArrowDown", "↓", "Look down"],
  ["ArrowRight", "→", "Turn right"],
];

export const PRESET_NAMES = PRESETS.map(([name]) => name);

export const KEY_HELP = [
  ["W A S D · Q E", "fly forward, left, back, right · down, up"],
  ["Arrows, Shift", "turn the camera; Shift is twice as fast"],
  ["1 to 7 · 0", "orbit, arc, dolly, dolly zoom, crane, handheld, spiral · none"],
  ["H · N", "camera home · new anchor from this frame"],
  ["K", "add a key frame here"],
  ["Wheel · Shift wheel", "on the video: forward and back · field of view"],
];

const pad = ([key, face, label]) =>
  key
    ? `<button type="button" data-key="${key}" aria-label="${label} (${face})"><b>${face}</b><span>${label}</span></button>`
    : "<i></i>";

const act = (name, label, title) => `<button type="button" class="small" data-act="${name}" title="${title}">${label}</button>`;

export function cameraMarkup({ tools }) {
  const pointer = tools
    ? "Drag things with the left button; the right one looks round, with Alt it goes round a thing. Wheel: forward. Shift wheel: field of view."
    : "Drag to look. Alt drag, right button or double click: go round that thing. Wheel: forward. Shift wheel: field of view. Two fingers: pinch forward.";
  return `
  <div class="flight" role="group" aria-label="Flying the camera">
    <p class="hint">${pointer}</p>
    <div class="hands">
      <div class="pad" role="group" aria-label="Go: hold">${GO.map(pad).join("")}</div>
      <div class="pad" role="group" aria-label="Look: hold">${LOOK.map(pad).join("")}</div>
      <div class="knobs">
        <label class="knob"><span>Speed</span><input type="range" min="0.1" max="3" step="0.1" value="1" data-in="pace"><output>1.0×</output></label>
        <label class="check" ${tools ? "hidden" : ""}><input type="checkbox" data-in="invert"><span>A drag moves the picture</span></label>
        <p class="pad-name" data-out="gamepad">Gamepad: press a button on it.</p>
      </div>
    </div>
    <div class="presets" role="group" aria-label="Flights by themselves">
      ${PRESETS.map(([name, label], i) => `<button type="button" class="small" data-preset="${name}" aria-pressed="false" aria-keyshortcuts="${i + 1}" title="${label} (${i + 1})">${label}</button>`).join("")}
      <i></i>${act("home", "Home", "Back to where the photograph was taken (H)")}
      ${act("anchor", "New anchor here", "The depth of the frame that is shown becomes the scene (N)")}
    </div>
    <div class="screens">
      <figure class="screen"><div><canvas class="cloud" tabindex="0" role="application" aria-roledescription="three-dimensional view"
          aria-label="Scene and camera path. Arrow keys turn the view, plus and minus zoom, 0 shows all."></canvas>
          <span class="corner"><button type="button" data-act="nearer" aria-label="Nearer" title="Nearer (+)">+</button>
            <button type="button" data-act="farther" aria-label="Farther" title="Farther (-)">−</button>
            <button type="button" data-act="fit" aria-label="Show all" title="Show all (0)">⤢</button></span></div>
        <figcaption data-out="camera">The scene appears after Start.</figcaption></figure>
      <figure class="screen"><div><img class="depth" alt="Depth of the picture: near is bright, far is dark" hidden></div>
        <figcaption data-out="depth">Depth appears after Start.</figcaption></figure>
    </div>
    <section class="path" aria-label="Path with key frames">
      <div class="presets">${act("keyframe", "Add key frame here", "Remember where the camera is now (K)")}
        ${act("fly", "Fly key frames", "From where the camera is, smoothly through all of them")}
        ${act("clear", "Remove all", "Remove all key frames")}
        <i></i>${act("save", "Save path flown", "nerfstudio's transforms.json; fly it again with: motionstream generate --provider camera --path-file flight.json --path-scale 1")}</div>
      <ol data-out="frames"></ol>
      <p class="hint" data-out="first"></p>
    </section>
  </div>`;
}

/** One line of the list of key frames. */
export function keyFrameMarkup(index, seconds) {
  const button = (name, label, face) =>
    `<button type="button" class="small" data-act="${name}" data-index="${index}" aria-label="${label} key frame ${index + 1}">${face}</button>`;
  return `<li><span>Key frame ${index + 1}</span>
    <label>after <input type="number" min="0.1" max="60" step="0.1" value="${seconds}" data-seconds="${index}" aria-label="Seconds to key frame ${index + 1}"> s</label>
    ${button("earlier", "Earlier:", "↑")}${button("remove", "Remove", "×")}</li>`;
}
