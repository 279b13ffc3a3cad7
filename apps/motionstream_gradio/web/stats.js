/** What is measured, in a few tiles, and where the time of a chunk goes, in a strip. */

const STAGES = {
  tracks: ["tracks", "#8b93a7"],
  denoise: ["denoise", "#6c8cff"],
  decode: ["decode", "#35b6a6"],
  cache_write: ["memory", "#c07cf0"],
  encode: ["encode", "#f0b35a"],
  wait: ["other users", "#e2717d"],
};

export class Stats {
  constructor(card) {
    this.card = card;
    card.innerHTML = `<h3>Live</h3><dl class="tiles"></dl><div class="strip" role="img"></div><p class="legend"></p>`;
  }

  show({ stats, generation, roundTripMs, shownFps }) {
    const latency = stats.control_to_photon_ms;
    const tiles = [
      ["Frames / s", number(shownFps ?? stats.fps_shown, 1), "end to end, as shown here"],
      ["Model frames / s", number(stats.fps_made, 1), "of the model alone"],
      ["Latency p50", milliseconds(latency.p50), "from your hand to the screen, half of the time"],
      ["Latency p95", milliseconds(latency.p95), "from your hand to the screen, 19 of 20 times"],
      ["Chunk", `${stats.chunk}`, `stream ${generation}`],
      ["Frames", `${stats.frames}`, "made since the start"],
      ["Dropped", `${stats.dropped}`, "frames left out"],
      ["Round trip", milliseconds(roundTripMs), "of the network"],
    ];
    this.card.querySelector(".tiles").innerHTML = tiles
      .map(([name, value, tip]) => `<div title="${tip}"><dt>${name}</dt><dd>${value}</dd></div>`)
      .join("");
    this.#strip(stats.stages_ms);
  }

  #strip(stages) {
    const known = Object.entries(stages).filter(([name, ms]) => name in STAGES && ms >= 0.05);
    const total = known.reduce((sum, [, ms]) => sum + ms, 0);
    const strip = this.card.querySelector(".strip");
    strip.innerHTML = known
      .map(([name, ms]) => `<i style="flex:${(ms / total).toFixed(4)};background:${STAGES[name][1]}"></i>`)
      .join("");
    const words = known.map(([name, ms]) => `${STAGES[name][0]} ${milliseconds(ms)}`);
    strip.ariaLabel = `Time of a chunk: ${words.join(", ")}`;
    this.card.querySelector(".legend").innerHTML = known
      .map(([name, ms]) => `<span><i style="background:${STAGES[name][1]}"></i>${STAGES[name][0]} ${milliseconds(ms)}</span>`)
      .join("");
  }
}

const number = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const milliseconds = (value) => (value === null || value === undefined ? "–" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);
