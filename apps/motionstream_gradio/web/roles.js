/** Roles: tracks do not say who asked for a point; the marks that were told, and where it came from, do. */

const NEAR = 0.04; // widths beyond a mark's radius; a grid may have moved since it was picked
const SAME = 0.06; // widths that a point moves at most between two chunks and stays the same
const TOUCH = 0.02;

const ROLE = { press: "live", path: "path", pin: "still", brush: "live" };

/** Points of one mark share a group, {role}: "live" (green), "still" (red) or "path" (blue). */
export class Roles {
  constructor() {
    this.clear();
  }

  clear() {
    this.ends = []; // of the newest chunk's points: [x, y, group]
  }

  /** Groups of a chunk's points; `marks` are {event}, the newest last. */
  of({ numFrames, numPoints, xy }, marks, aspect) {
    const fresh = new Map();
    const groups = [];
    const place = (t, i) => [xy[2 * (t * numPoints + i)], xy[2 * (t * numPoints + i) + 1]];
    for (let i = 0; i < numPoints; i++) {
      groups.push(this.#carried(i, place(0, i), aspect) ?? newGroup(fresh, place(0, i), marks, aspect));
    }
    this.ends = groups.map((group, i) => [...place(numFrames - 1, i), group]);
    return groups;
  }

  /** A press takes up the grid that it touches: all of it is live from now on. */
  press({ x, y }, aspect) {
    const group = this.#touched([x, y], aspect);
    if (group?.role === "path") group.role = "live";
  }

  /** Whether a press there takes up a grid that is there already, rather than picking a new one. */
  takes(place, aspect) {
    const group = this.#touched(place, aspect);
    return Boolean(group) && group.role !== "still";
  }

  #touched(place, aspect) {
    return this.ends.find((end) => distance(end, place, aspect) < TOUCH + NEAR)?.[2];
  }

  #carried(i, place, aspect) {
    const near = (end) => end && distance(end, place, aspect) < SAME;
    const end = near(this.ends[i]) ? this.ends[i] : this.ends.find(near); // the same number, unless some were let go
    return end?.[2];
  }
}

function newGroup(fresh, place, marks, aspect) {
  const mark = marks.findLast(({ event }) => covers(event, place, aspect)) ?? null;
  const role = mark?.event.pinned ? "still" : (ROLE[mark?.event.type] ?? "live");
  if (!fresh.has(mark)) fresh.set(mark, { role });
  return fresh.get(mark);
}

function covers(event, place, aspect) {
  if (event.live || !(event.type in ROLE)) return false;
  const starts = event.type === "brush" ? event.points : [event.points?.[0] ?? [event.x, event.y]];
  const radius = event.type === "brush" ? 0 : (event.radius ?? 0);
  return starts.some((start) => distance(start, place, aspect) <= radius + NEAR);
}

function distance([ax, ay], [bx, by], aspect) {
  return Math.hypot(bx - ax, (by - ay) * aspect);
}
