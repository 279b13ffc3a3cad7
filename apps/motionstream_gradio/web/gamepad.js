/** The first gamepad that is moved: sticks as the camera's events, triggers as keys that are held. */

const RATE_MS = 50;
const STEP = 0.02; // smaller movements of a stick are not told
const HELD = { 6: "q", 7: "e", 10: "Shift" }; // triggers: down and up; left stick pressed: twice as fast
const ACTS = { 1: "home", 0: "keyframe" }; // B and A

/**
 * Asked once a frame by `poll`. Calls `send([{t_ms, event}])`, `hold(name, down)` and `act(name)`;
 * `pads()` gives what the browser knows.
 */
export class GamepadFlight {
  constructor({ send, hold, act, pads = () => navigator.getGamepads?.() ?? [], clock = () => performance.now() }) {
    Object.assign(this, { send, hold, act, pads, clock, pace: 1, lastSent: -Infinity });
    this.forget();
  }

  /** Its name, or null where none is there; browsers tell of one when a button was pressed. */
  get name() {
    return this.#pad()?.id ?? null;
  }

  forget() {
    this.told = "0,0,0,0";
    this.pressed = new Set();
  }

  poll() {
    const pad = this.#pad();
    this.#sticks(pad?.axes ?? []);
    this.#buttons(pad?.buttons ?? []);
  }

  #pad() {
    return [...this.pads()].find((pad) => pad?.connected && pad.axes.length >= 2);
  }

  #sticks(axes) {
    const rounded = [0, 1, 2, 3].map((i) => Math.round((axes[i] ?? 0) / STEP) * STEP).map((value) => (Math.abs(value) < 0.1 ? 0 : value));
    const limited = rounded.map((value) => Number(Math.max(-1, Math.min(1, value)).toFixed(2)));
    const said = String(limited);
    const now = this.clock();
    if (said === this.told || now - this.lastSent < RATE_MS) return;
    Object.assign(this, { told: said, lastSent: now });
    this.send([{ t_ms: now, event: { type: "gamepad", axes: limited, pace: this.pace } }]);
  }

  #buttons(buttons) {
    for (const [number, name] of Object.entries({ ...HELD, ...ACTS })) {
      const down = (buttons[number]?.value ?? 0) > 0.3 || Boolean(buttons[number]?.pressed);
      if (down === this.pressed.has(number)) continue;
      if (down) this.pressed.add(number);
      else this.pressed.delete(number);
      if (number in HELD) this.hold(name, down);
      else if (down) this.act(name);
    }
  }
}
