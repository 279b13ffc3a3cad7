"""Drag a picture on a running server and write what comes back: `motionstream app` in one terminal, this in another.

    python examples/python_client.py http://127.0.0.1:7860 --out outputs/client.mp4

A full circle over `--seconds`; every frame is shown to you as a line: what was told, and how long it took.
"""

import argparse
import math
import threading
import time

from motionstream.client import LiveClient, LiveError, connect
from motionstream.streaming.video_file import VideoWriter

POINTER_HZ = 60


def drag_in_a_circle(live: LiveClient, seconds: float, radius: float = 0.12) -> None:
    """What a hand would do: 60 samples a second, each with its own time."""
    live.press(0.5, 0.5)
    for step in range(round(seconds * POINTER_HZ)):
        angle = 2 * math.pi * step / (seconds * POINTER_HZ)
        live.move(0.5 + radius * math.sin(angle), 0.5 + radius * (1 - math.cos(angle)))
        time.sleep(1 / POINTER_HZ)
    live.release(0.5, 0.5)


def main() -> None:
    """Connect, drag, write."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("url", nargs="?", default="http://127.0.0.1:7860")
    arguments.add_argument("--token", help="what a server asks for that is not on this machine")
    arguments.add_argument("--picture", default="examples/coffee.jpg")
    arguments.add_argument("--prompt", default="a cup of coffee")
    arguments.add_argument("--seconds", type=float, default=4.0)
    arguments.add_argument("--out", default="outputs/client.mp4")
    given = arguments.parse_args()
    with connect(given.url, given.token, codecs=("h264", "jpeg")) as live:
        live.send_picture(given.picture)
        live.start(given.prompt)
        hand = threading.Thread(target=drag_in_a_circle, args=(live, given.seconds))
        hand.start()
        with VideoWriter(given.out, fps=live.ready.fps) as video:
            for frame in live:
                video.write(frame.pixels[None])
                moved = "" if frame.input_ms is None else f", {live.now_ms() - frame.input_ms:.0f} ms after your hand"
                print(f"chunk {frame.chunk}, frame {frame.index}{moved}")
                if frame.time_ms >= 1000 * given.seconds:
                    break
        hand.join()
        print(f"wrote {given.out}: {video.num_frames} frames; {live.received + 1} events arrived")


if __name__ == "__main__":
    try:
        main()
    except LiveError as error:
        raise SystemExit(f"error: {error}") from error
