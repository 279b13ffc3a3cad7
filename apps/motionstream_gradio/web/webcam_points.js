/** Points of the camera's picture, each in the colour that its partner on the target has. */

/** Colour of point i of n: neighbours are alike, and partners the same. */
export function pointColour(i, n) {
  return `hsl(${Math.round((320 * i) / Math.max(1, n))} 90% 62%)`;
}

/** Draw points {xy, visible} on a canvas of the size of its box; those that were lost are hollow. */
export function drawPoints(canvas, xy, visible) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * scale));
  if (!width || !height) return;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const radius = scale * Math.max(1.8, Math.min(3.5, 60 / Math.sqrt(xy.length + 1)));
  for (let i = 0; i < xy.length; i++) {
    const [x, y] = [xy[i][0] * width, xy[i][1] * height];
    const colour = pointColour(i, xy.length);
    context.globalAlpha = visible[i] ? 0.5 : 0.35;
    context.beginPath();
    context.arc(x, y, radius + scale, 0, 2 * Math.PI);
    context.fillStyle = "#000";
    if (visible[i]) context.fill();
    context.globalAlpha = 1;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    Object.assign(context, { fillStyle: colour, strokeStyle: colour, lineWidth: scale });
    if (visible[i]) context.fill();
    else context.stroke();
  }
}
