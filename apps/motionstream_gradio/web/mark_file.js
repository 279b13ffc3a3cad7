/** Marks as a file: a script of the drag provider, the same that `motionstream generate --script` reads. */

const PLACED = ["pin", "path", "brush"];

export function saveMarks(events) {
  const script = { version: 1, settings: {}, events: events.map((event) => ({ ...event, time_seconds: 0 })) };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(script, null, 1)], { type: "application/json" }));
  link.download = "motion.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The marks of a script; what was dragged with a pointer becomes a path of the same speed. */
export function marksOf(script) {
  if (!Array.isArray(script?.events)) throw new Error("it holds no events");
  const settings = script.settings ?? {};
  const grid = { radius: settings.radius ?? 0.08, spacing: settings.spacing ?? 0.04 };
  const marks = script.events.filter(({ type }) => PLACED.includes(type)).map((event) => placed(event, grid));
  return [...marks, ...draggedPaths(script.events, grid)];
}

function placed({ time_seconds, arrived_seconds, ...event }, grid) {
  return event.type === "path" ? { ...grid, ...event } : event;
}

function draggedPaths(events, grid) {
  const open = new Map();
  const paths = [];
  for (const { type, x, y, pointer = 0, time_seconds: time } of events) {
    if (type === "press") open.set(pointer, { points: [[x, y]], start: time });
    const drag = open.get(pointer);
    if (!drag || !["move", "release"].includes(type)) continue;
    drag.points.push([x, y]);
    drag.end = time;
    if (type !== "release") continue;
    open.delete(pointer);
    paths.push({ type: "path", points: drag.points, speed: speedOf(drag), ease: false, ...grid });
  }
  return paths;
}

function speedOf({ points, start, end }) {
  const length = points.slice(1).reduce((sum, [x, y], i) => sum + Math.hypot(x - points[i][0], y - points[i][1]), 0);
  return Math.min(2, Math.max(0.05, length / Math.max(0.1, (end ?? 0) - (start ?? 0))));
}
