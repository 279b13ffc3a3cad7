/** What the Webcam tab says of the camera, of the tracker and of the video that they move. */

const CAMERA = {
  off: "The camera is off. Turn it on, or play the example.",
  asking: "The browser asks whether this page may use the camera.",
  refused: "The camera was refused. Allow it beside the browser's address bar, then turn it on again.",
  busy: "Another program uses the camera. Close it there, then turn the camera on again.",
  none: "No camera was found. Plug one in and turn it on, or play the example.",
  insecure: "Browsers give their camera only to https pages and to localhost. Open the page that way, or play the example.",
  gone: "The camera was unplugged. Plug it in again or choose another one.",
  silent: "The camera is on but sends no pictures: it may be covered, or another program took it.",
  left: "The camera was turned off as this tab was left.",
};

const HOLDS = " The video goes on from the last motion.";

/** One line, and whether it is about something wrong: {words, wrong}. */
export function cameraWords({ source, stream, report, hidden }) {
  const { state } = source;
  if (hidden) return { words: `The page is hidden: no pictures are sent.${HOLDS}`, wrong: false };
  if (state === "failed") return { words: `The camera failed: ${source.reason || "no reason was given"}.`, wrong: true };
  if (state in CAMERA) {
    const holds = stream.alive && ["refused", "busy", "none", "gone", "silent", "left"].includes(state) ? HOLDS : "";
    return { words: CAMERA[state] + holds, wrong: !["off", "asking", "left"].includes(state) };
  }
  if (!stream.alive) return { words: "Pictures come. Press Start, and the picture moves with them.", wrong: false };
  return trackerWords(report);
}

function trackerWords(report) {
  const { state, reason, num_points: count = 0, seen_share: share = 0 } = report;
  if (state === "lost") return { words: reason || "The tracker stopped.", wrong: true };
  if (reason) return { words: reason, wrong: true };
  if (state === "starting") return { words: "The tracker needs some more pictures.", wrong: false };
  if (state === "stale") return { words: `No picture came for a while.${HOLDS}`, wrong: true };
  if (state !== "running") return { words: "The first camera picture is on its way.", wrong: false };
  return { words: `${count} points, ${Math.round(100 * share)} % of them found.`, wrong: false };
}

/** What is to be known of a tracker before it is used; empty where there is nothing. */
export function noticeOf(report) {
  return report.notice ? `Tracker: ${report.notice}.` : "";
}

/** [name, value, tip] of what is measured. */
export function measured({ sent, report, stats, shownFps }) {
  const latency = stats?.control_to_photon_ms ?? {};
  return [
    ["Sent / s", number(sent), "camera pictures that left this page"],
    ["Followed / s", number(report.followed_fps), "camera pictures whose points were found"],
    ["Shown / s", number(shownFps), "video frames on this screen"],
    ["Camera to screen, p50", milliseconds(latency.p50), "from the camera's picture to the frame that it moved, half of the time"],
    ["p95", milliseconds(latency.p95), "the same, 19 of 20 times"],
  ];
}

const number = (value) => (Number.isFinite(value) ? value.toFixed(0) : "–");
const milliseconds = (value) => (Number.isFinite(value) ? `${Math.round(value)} ms` : "–");
