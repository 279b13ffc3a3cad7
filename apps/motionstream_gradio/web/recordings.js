/** <motionstream-recordings>: the finished recordings on the server, with their files to take home. */

const REFRESH_MS = 15_000;
const LABELS = [
  ["video.mp4", "MP4"],
  ["clip.gif", "GIF"],
  ["tracks.npz", "Tracks, NumPy"],
  ["tracks.json", "Tracks, JSON"],
  ["control.jsonl", "Control log"],
];

class RecordingsView extends HTMLElement {
  begin(config) {
    this.config = config;
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const styles = ["live_view.css", "recordings.css"].map((name) => new URL(name, import.meta.url));
    root.innerHTML = `${styles.map((url) => `<link rel="stylesheet" href="${url}">`).join("")}
      <p class="none" role="status">Looking for recordings</p><div class="cards"></div>`;
    this.refresh = () => this.checkVisibility() && !document.hidden && this.#list();
    this.timer = setInterval(this.refresh, REFRESH_MS);
    document.addEventListener("motionstream-recorded", this.refresh);
    new IntersectionObserver(this.refresh).observe(root.querySelector(".none").parentNode.host);
    if (!config.login) this.#list();
  }

  admit() {
    this.#list();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    document.removeEventListener("motionstream-recorded", this.refresh);
  }

  async #list() {
    const none = this.shadowRoot.querySelector(".none");
    const cards = this.shadowRoot.querySelector(".cards");
    if ([...cards.querySelectorAll("video")].some((video) => !video.paused)) return;
    try {
      const response = await fetch(`${this.config.root}/api/recordings`);
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      const answer = await response.json();
      const list = Array.isArray(answer) ? answer : answer.recordings;
      none.hidden = list.length > 0;
      none.textContent = "No recordings yet. Press V while a video streams, and again to end the recording.";
      const names = list.map(({ name }) => name).join();
      if (names === this.names) return;
      this.names = names;
      cards.replaceChildren(...list.map((recording) => this.#card(recording)));
    } catch (error) {
      none.hidden = false;
      none.textContent = `The recordings could not be listed: ${error.message}. Reload the page to try again.`;
    }
  }

  #card({ name, created, files, num_bytes: bytes }) {
    const folder = `${this.config.root}/api/recordings/${encodeURIComponent(name)}`;
    const when = new Date(1000 * created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const card = document.createElement("article");
    card.className = "card";
    const links = LABELS.filter(([file]) => files.includes(file))
      .map(([file, label]) => `<a href="${folder}/${file}" download="${name}-${file}">${label}</a>`)
      .join("");
    const poster = files.includes("poster.jpg") ? `poster="${folder}/poster.jpg"` : "";
    card.innerHTML = `<video controls loop muted playsinline preload="none" ${poster} src="${folder}/video.mp4"
        aria-label="Recording of ${when}"></video>
      <p><b>${when}</b><span>${(bytes / 2 ** 20).toFixed(1)} MB</span></p><div class="files">${links}</div>`;
    return card;
  }
}

if (!customElements.get("motionstream-recordings")) customElements.define("motionstream-recordings", RecordingsView);
