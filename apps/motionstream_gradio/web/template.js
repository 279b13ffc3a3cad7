/** The markup of a live view. Buttons name what they do in `data-do`, tools in `data-tool`. */

import { icon } from "./icons.js";

const TOOLS = [
  ["drag", "Drag", "D", "Drag: press on a thing and move it"],
  ["pin", "Pin", "P", "Pin: what is tapped stays where it is"],
  ["path", "Path", "L", "Path: draw a line along which a thing moves by itself"],
  ["brush", "Brush", "B", "Brush: paint points of any outline, then drag them"],
  ["erase", "Erase", "E", "Erase: let go what is tapped"],
];

const EDITS = [
  ["undo", "Undo", "Z", "Undo the newest mark"],
  ["redo", "Redo", "Y", "Redo it"],
  ["clear", "Clear", "Del", "Let go of everything"],
  ["save", "Save", "", "Save pins and paths as a file"],
  ["load", "Load", "", "Load pins and paths from a file"],
];

const TRANSPORT = [
  ["pause", "Pause", "Space"],
  ["reset", "Reset", "R"],
  ["record", "Record", "V"],
];

const VIEWS = [
  ["overlay", "Tracks", "O", "Show the tracks over the video"],
  ["told", "Told", "T", "Show only what the model is told of the motion"],
  ["full", "Full screen", "F", "Full screen"],
  ["help", "Keys", "?", "Keys and gestures"],
];

const KEYS = [
  ["Enter", "start or stop"],
  ["Space", "pause or resume"],
  ["R", "back to the first frame"],
  ["Z · Shift Z or Y", "undo · redo"],
  ["V", "record"],
  ["D P L B E", "drag, pin, path, brush, erase"],
  ["[ and ]", "smaller or larger grid"],
  ["O · T", "tracks on or off · only what the model is told"],
  ["F", "full screen"],
  ["Arrows, then X", "on the video: move the pointer, press or release"],
  ["Esc", "drop what is being drawn"],
];

const hint = (text, key) => (key ? `${text} (${key})` : text);

function button([name, label, key, tip], attributes) {
  return `<button type="button" ${attributes} title="${hint(tip ?? label, key)}" aria-label="${label}"
    ${key ? `aria-keyshortcuts="${key === "Del" ? "Delete" : key}"` : ""}>${icon(name)}<span>${label}</span></button>`;
}

const toolButtons = TOOLS.map((tool) => button(tool, `data-tool="${tool[0]}" aria-pressed="false"`)).join("");
const edits = EDITS.map((edit) => button(edit, `data-do="${edit[0]}"`)).join("");

function transport() {
  return `
    <button type="button" class="primary" data-do="start" aria-keyshortcuts="Enter" title="Start (Enter)">
      ${icon("start")}<span>Start</span></button>
    ${TRANSPORT.map((one) => button(one, `data-do="${one[0]}" class="round"`)).join("")}
    <label class="timeline" hidden title="Go back to an earlier chunk and go on from there">
      <span class="sr">Chunk to go back to</span><input type="range" min="0" max="0" step="1" value="0" data-timeline>
      <output data-out="chunk"></output></label>
    <span class="views">
      ${VIEWS.map((one) => button(one, `data-do="${one[0]}" class="round"`)).join("")}</span>`;
}

const slider = (name, label, min, max, step) => `
  <label class="slider" data-option="${name}"><span>${label}</span>
    <input type="range" name="${name}" min="${min}" max="${max}" step="${step}"><output></output></label>`;
const check = (name, label) => `
  <label class="check" data-option="${name}"><input type="checkbox" name="${name}"><span>${label}</span></label>`;

const OPTIONS = `
  ${slider("radius", "Size", 0, 0.5, 0.01)}${slider("spacing", "Spacing", 0.01, 0.2, 0.005)}
  ${slider("speed", "Speed", 0.05, 1.5, 0.05)}${check("ease", "Start and stop gently")}
  ${check("pinned", "Painted points stay")}`;

const SIDE = `
  <section class="card" aria-label="Picture"><h3>Picture</h3><div class="pictures" role="group" aria-label="Pictures"></div></section>
  <section class="card"><label class="field"><h3>Prompt</h3>
      <textarea rows="2" maxlength="2000" data-in="prompt" placeholder="What the video shows. Enter applies it, also while it runs."></textarea></label>
    <label class="field row"><h3>Seed</h3><input type="number" min="0" max="9007199254740991" step="1" value="0" data-in="seed">
      <button type="button" class="small" data-do="dice" title="Another seed" aria-label="Another seed">${icon("dice")}</button></label></section>
  <section class="card live" hidden aria-label="Measured"></section>
  <section class="card recorded" hidden aria-label="Newest recording"><h3>Newest recording</h3><div class="files"></div></section>`;

const HELP = `
  <dialog class="help" aria-label="Keys and gestures"><h3>Keys and gestures</h3>
    <dl>${KEYS.map(([key, text]) => `<dt>${key}</dt><dd>${text}</dd>`).join("")}</dl>
    <p>Several fingers drag several things. While the video waits, a drag becomes a path, and a tap a pin: place as many as
      you like, then resume.</p>
    <form method="dialog"><button class="small">Close</button></form></dialog>`;

export function liveViewMarkup({ tools: withTools, panel }) {
  return `
  <div class="studio" data-status="loading">
    <p class="lead"></p>
    ${withTools ? `<div class="tools" role="toolbar" aria-label="Tools">${toolButtons}<i></i>${edits}</div>` : ""}
    <div class="middle">
      <div class="frame">
        <canvas class="video"></canvas><canvas class="overlay"></canvas>
        <div class="surface" tabindex="0" role="application" aria-roledescription="video stage"
          aria-label="Video. Arrow keys move a pointer, X presses and releases it."></div>
        <button type="button" class="empty" data-do="choose">${icon("picture")}<b>Choose a picture</b>
          <span>or drop or paste one here</span></button>
        <p class="badge" hidden><i></i><span>REC</span></p>
        <div class="loading" hidden><div></div><p></p></div>
        <div class="toasts" aria-live="assertive"></div>
      </div>
      <p class="status" role="status" aria-live="polite"><i></i><span></span></p>
      <div class="transport" role="group" aria-label="Playing">${transport()}</div>
      ${panel ? `<div class="panel ${panel}"></div>` : ""}
      ${withTools ? `<div class="options" role="group" aria-label="Options of the tool">${OPTIONS}</div>` : ""}
    </div>
    <aside class="side">${SIDE}</aside>
    <input type="file" accept="image/*" hidden data-file="picture"><input type="file" accept=".json" hidden data-file="marks">
    ${HELP}
  </div>`;
}
