/** How long it took from choosing the picture, and from Start, to the first frame of the flight. */

export class FirstFrame {
  constructor() {
    this.words = "";
  }

  chosen(now) {
    this.chosenAt = now;
  }

  /** A frame of a generation is shown; true where it is the first one since the stream was `begun` ({at, after}). */
  shown(now, generation, begun) {
    if (!begun || begun === this.measured || generation === begun.after) return false;
    const seconds = (since) => `${((now - since) / 1000).toFixed(1)} s`;
    const sinceChoice = this.chosenAt === undefined ? "" : `, ${seconds(this.chosenAt)} after the picture was chosen`;
    this.words = `First frame ${seconds(begun.at)} after Start${sinceChoice}.`;
    this.measured = begun;
    this.chosenAt = undefined;
    return true;
  }
}
