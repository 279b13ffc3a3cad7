/** The markup of the Webcam tab: the camera's picture, which goes beside the video, and what there is to set. */

import { icon } from "./icons.js";

const button = (name, label, { tip = label, key = "", more = "", image = "" } = {}) => `
  <button type="button" class="small" data-webcam="${name}" title="${key ? `${tip} (${key.toUpperCase()})` : tip}"
    ${key ? `aria-keyshortcuts="${key.toUpperCase()}"` : ""} ${more}>${image ? icon(image) : ""}<span>${label}</span></button>`;

const slider = (name, label, min, max, step, tip) => `
  <label class="slider" title="${tip}"><span>${label}</span>
    <input type="range" name="${name}" min="${min}" max="${max}" step="${step}"><output></output></label>`;

export const CAMERA_MARKUP = `
  <div class="camera-frame">
    <video muted playsinline aria-label="Camera"></video><canvas class="points"></canvas>
    <div class="camera-empty">${icon("picture")}
      ${button("on", "Turn the camera on")}
      ${button("example", "Play the example", { tip: "A clip in place of a camera" })}</div>
  </div>
  <p class="camera-words" role="status" aria-live="polite"></p>`;

export const CONTROLS_MARKUP = `
  <div class="row" role="group" aria-label="Camera">
    ${button("on", "Camera", { tip: "Turn the camera on", image: "record", more: 'aria-pressed="false"' })}
    ${button("example", "Example", { tip: "Play a clip in place of a camera", image: "resume", more: 'aria-pressed="false"' })}
    ${button("off", "Off", { tip: "Turn the camera off", image: "stop" })}
    <label class="field devices" hidden><span class="sr">Which camera</span><select name="device"></select></label>
    ${button("swap", "Swap camera", { tip: "The next camera", more: "hidden" })}
    <label class="check"><input type="checkbox" name="mirror" aria-keyshortcuts="M"><span title="Swap left and right (M)">Mirror</span></label>
    ${button("reference", "Set reference now", { tip: "From now on this is the pose of rest", key: "c", image: "pin" })}
  </div>
  <div class="row" role="group" aria-label="Parts of the pictures">
    <span class="name">Part that moves</span>
    ${button("box", "Box", { tip: "Drag a box on either picture", more: 'aria-pressed="false"' })}
    ${button("brush", "Brush", { tip: "Paint a part of either picture", more: 'aria-pressed="false"', image: "brush" })}
    ${button("whole", "Whole", { tip: "All of both pictures" })}
    <span class="hint" aria-live="polite"></span>
  </div>
  <div class="row" role="group" aria-label="Camera pictures">
    ${slider("gain", "Gain", 0, 3, 0.1, "How much farther the picture moves than you do; applies from the next start")}
    ${slider("fps", "Pictures / s", 5, 30, 1, "Camera pictures that are sent")}
    <label class="slider size" title="Shorter side of the pictures that are sent"><span>Size</span>
      <select name="size"><option value="240">240 px</option><option value="360" selected>360 px</option>
        <option value="480">480 px</option></select></label>
  </div>
  <dl class="tiles"></dl>
  <p class="notice" hidden></p>
  <p class="both" hidden></p>`;
