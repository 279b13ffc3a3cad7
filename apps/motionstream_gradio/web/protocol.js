/** The live protocol in the page: a binary message is a header of 40 bytes and a payload; docs/protocol.md has it all. */

export const VERSION = 1;
export const SUBPROTOCOL = "motionstream.v1";
export const MAX_EVENTS = 256;

export const Kind = Object.freeze({ JPEG: 1, H264: 2, VP8: 3, TRACKS: 4, PICTURE: 16, CAMERA: 17 });
export const Flag = Object.freeze({ KEY: 1, CHUNK_START: 2, CHUNK_END: 4 });

const HEADER_BYTES = 40;
const MAGIC = 0x3150534d; // "MSP1", little-endian
const TRACK_UNITS = 8192;

/** Read a binary message of the server. */
export function parsePacket(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEADER_BYTES || view.getUint32(0, true) !== MAGIC) {
    throw new Error("A binary message that is not of this protocol");
  }
  return {
    kind: view.getUint8(4),
    flags: view.getUint8(5),
    generation: view.getUint16(6, true),
    sequence: view.getUint32(8, true),
    chunk: view.getUint32(12, true),
    frame: view.getUint32(16, true),
    timeMs: view.getFloat64(24, true),
    inputMs: view.getFloat64(32, true),
    payload: new Uint8Array(buffer, HEADER_BYTES),
  };
}

/** The binary message that sends a picture file, as it is, to the server. */
export function picturePacket(bytes) {
  return upPacket(Kind.PICTURE, bytes, 0);
}

/** The binary message that sends a JPEG of a live camera, taken at a time of the page's clock. */
export function cameraPacket(bytes, takenMs) {
  return upPacket(Kind.CAMERA, bytes, takenMs);
}

function upPacket(kind, bytes, timeMs) {
  const message = new Uint8Array(HEADER_BYTES + bytes.byteLength);
  const view = new DataView(message.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, kind);
  view.setFloat64(24, timeMs, true);
  view.setFloat64(32, NaN, true);
  message.set(bytes, HEADER_BYTES);
  return message.buffer;
}

/** Tracks of one chunk: positions xy [t * n * 2] in parts of the picture, visible [t * n]. */
export function parseTracks(payload) {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const numFrames = view.getUint32(0, true);
  const numPoints = view.getUint32(4, true);
  const count = numFrames * numPoints;
  const xy = new Float32Array(2 * count);
  for (let i = 0; i < xy.length; i++) xy[i] = view.getInt16(8 + 2 * i, true) / TRACK_UNITS;
  return { numFrames, numPoints, xy, visible: payload.slice(8 + 4 * count, 8 + 5 * count) };
}
