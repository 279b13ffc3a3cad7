"""DeviceSource: a camera of this machine, by OpenCV."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from motionstream.errors import InputError
from motionstream_webcam.camera_frame import CameraFrame, Seam, fitted


class DeviceSource:
    """Frames of a local camera as they come.

    Attributes:
        name: What is opened: a number, or a path that OpenCV can open.
    """

    def __init__(self, name: int | str, shorter_px: int, *, mirror: bool = False) -> None:
        self.name = name
        self._shorter_px, self._mirror = shorter_px, mirror

    def frames(self) -> Iterator[CameraFrame]:
        """Frames until the camera is gone; each call opens it anew.

        Raises:
            InputError: It is not there, busy, not allowed, or was unplugged.
        """
        import cv2

        device = cv2.VideoCapture(self.name)
        try:
            if not device.isOpened():
                raise InputError(
                    f"Camera {self.name}: could not be opened: it is not there, in use, or not allowed. "
                    "Plug it in, close what uses it, or choose another one."
                )
            yield from self._seen(device)
        finally:
            device.release()

    def _seen(self, device: Any) -> Iterator[CameraFrame]:
        import cv2

        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # what waits in a driver's queue is old
        seam: Seam = "new"
        while True:
            there, pixels = device.read()
            now = time.monotonic()
            if not there:
                raise InputError(f"Camera {self.name}: gives no pictures any more. Is it plugged in?")
            rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
            yield CameraFrame(pixels=fitted(rgb, self._shorter_px, mirror=self._mirror), seconds=now, seam=seam)
            seam = "none"
