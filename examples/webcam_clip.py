"""Make the clip that the Webcam tab plays in place of a camera: a painted face that nods and sways, without an end.

python examples/webcam_clip.py apps/motionstream_gradio/web/webcam_example.mp4
"""

import sys
from pathlib import Path

import av
import numpy as np

from motionstream.training.world.backdrop import make_backdrop
from motionstream.training.world.camera import still_camera
from motionstream.training.world.character import face
from motionstream.training.world.colour import make_palette
from motionstream.training.world.motion import Motion
from motionstream.training.world.render import render_frames
from motionstream.training.world.sprite import make_sprite
from motionstream.training.world.thing import Thing

NUM_FRAMES, FPS, HEIGHT, WIDTH = 180, 25, 240, 320
FACE_PX = 150


def sway(num_frames: int) -> Motion:
    """Sideways, up and down, turning and nearing: waves that begin and end at one place, at rest."""
    wave = 2 * np.pi * np.arange(num_frames) / num_frames
    x, y, turn, near = (np.sin(number * wave) ** 3 for number in (1, 2, 2, 3))  # cubes begin at rest
    return Motion(
        offset=np.stack([0.13 * x, 0.05 * y], axis=-1),
        turn=0.25 * turn,
        stretch=1 + 0.07 * np.stack([near, near], axis=-1),
        kind="sway",
    )


def frames(seed: int = 8) -> np.ndarray:
    """Pictures, uint8 [t, h, w, 3]."""
    rng = np.random.default_rng(seed)
    camera, unit = still_camera(NUM_FRAMES), HEIGHT / 128
    backdrop = make_backdrop(rng, camera, 3.0, HEIGHT, WIDTH, make_palette(rng))
    sprite = make_sprite(rng, face(rng), FACE_PX, make_palette(rng), unit, 0.5)
    middle = np.array([WIDTH / 2, HEIGHT / 2])
    thing = Thing(rgba=sprite.rgba, shadow=None, words="face", verb="moves", start=middle, depth=1.5)
    layers = (backdrop, thing.layer(camera, sway(NUM_FRAMES), (), HEIGHT, WIDTH))
    return render_frames(layers, NUM_FRAMES, HEIGHT, WIDTH)


def write(path: Path, pictures: np.ndarray) -> None:
    """H.264 of the profile that every browser plays."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "27", "preset": "veryslow", "profile": "main"}
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    write(Path(sys.argv[1]), frames())
