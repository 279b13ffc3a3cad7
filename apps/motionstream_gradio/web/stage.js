/** The stage: two canvases over one another, the video and what is drawn on it, sharp at every size of the page. */

export class Stage {
  constructor({ frame, video, overlay, onResize }) {
    Object.assign(this, { frame, video, overlay, onResize, aspect: 1 });
    new ResizeObserver(() => this.#fit()).observe(frame);
  }

  /** Of the video; the frame's box takes the shape at once. */
  setAspect(width, height) {
    this.aspect = height / width;
    this.frame.style.setProperty("--video-aspect", `${width} / ${height}`);
    this.frame.style.setProperty("--video-ratio", width / height);
    this.#fit();
  }

  /** Draw a frame or a picture; what has another shape is cropped or gets bars, as the server does it. */
  draw(image, fit = "crop") {
    const { width, height } = this.video;
    const [w, h] = [image.displayWidth ?? image.width, image.displayHeight ?? image.height];
    const scale = (fit === "crop" ? Math.max : Math.min)(width / w, height / h);
    const context = this.video.getContext("2d", { alpha: false });
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#000";
    if (fit === "pad") context.fillRect(0, 0, width, height);
    context.drawImage(image, (width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale);
  }

  /** Where a pointer is, in parts of the picture; may lie outside. */
  place(event) {
    const box = this.video.getBoundingClientRect();
    const clamp = (value) => Math.max(-0.5, Math.min(1.5, value));
    return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
  }

  #fit() {
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    const box = this.video.getBoundingClientRect();
    const [width, height] = [Math.round(box.width * scale), Math.round(box.height * scale)];
    if (!width || (width === this.video.width && height === this.video.height)) return;
    for (const canvas of [this.video, this.overlay]) Object.assign(canvas, { width, height });
    this.onResize();
  }
}
