/** How long it took from choosing the picture, and from Start, to the first frame of the flight. */

export class FirstFrame {
  constructor() {
    this.words = "";
  }

  chosen(now) {
    this.chosenAt = now;
  }

  started(now) {
    this.startedAt = now;
  }

  /** A frame is shown; true where it is the first one since the start. */
  shown(now) {
    if (this.startedAt === undefined) return false;
    const seconds = (since) => `${((now - since) / 1000).toFixed(1)} s`;
    const sinceChoice = this.chosenAt === undefined ? "" : `, ${seconds(this.chosenAt)} after the picture was chosen`;
    this.words = `First frame ${seconds(this.startedAt)} after Start${sinceChoice}.`;
    this.startedAt = this.chosenAt = undefined;
    return true;
  }
}
