"""KeyframeFlight: a smooth way through a few poses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64

from motionstream_camera.pose import Pose, inverse, make_pose, quaternion, rotation_of


@dataclass(frozen=True, kw_only=True)
class KeyframeFlight:
    """A spline through key frames that begins and ends at rest; before and after its time it stays at its ends.

    Cubic Hermite with the slopes of Catmull and Rom, in position, logarithm of the zoom and the components of the
    quaternion, which is normalised afterwards: smooth, and exact at every key frame.

    Attributes:
        seconds: Of each key frame, rising; the first is the start.
        poses: Of each, camera to world [k, 4, 4].
        zooms: Of each.
    """

    seconds: Float64[np.ndarray, " k"]
    poses: Float64[np.ndarray, "k 4 4"]
    zooms: Float64[np.ndarray, " k"]
    name: ClassVar[str] = "keyframes"

    @property
    def duration_seconds(self) -> float:
        """Until the last key frame."""
        return float(self.seconds[-1])

    def at(self, seconds: float) -> tuple[Pose, float]:
        """Pose relative to the first key frame, and zoom as a multiple of the first one's."""
        values = hermite(self.seconds, self._values(), seconds)
        pose = make_pose(rotation_of(values[3:7]), values[:3])
        return inverse(self.poses[0]) @ pose, float(np.exp(values[7]) / self.zooms[0])

    def _values(self) -> Float64[np.ndarray, "k 8"]:
        turns = np.stack([quaternion(pose[:3, :3]) for pose in self.poses])
        for index in range(1, len(turns)):  # q and -q are the same turn: the nearer one is meant
            if turns[index] @ turns[index - 1] < 0:
                turns[index] *= -1
        return np.concatenate([self.poses[:, :3, 3], turns, np.log(self.zooms)[:, None]], axis=1)


def hermite(
    times: Float64[np.ndarray, " k"], values: Float64[np.ndarray, "k d"], now: float
) -> Float64[np.ndarray, " d"]:
    """A cubic through values at rising times, with slopes by the neighbours and none at the ends."""
    if len(times) == 1 or now <= times[0]:
        return np.asarray(values[0])
    if now >= times[-1]:
        return np.asarray(values[-1])
    slopes = np.zeros_like(values)
    slopes[1:-1] = (values[2:] - values[:-2]) / (times[2:] - times[:-2])[:, None]
    low = int(np.searchsorted(times, now, side="right")) - 1
    length = times[low + 1] - times[low]
    u = (now - times[low]) / length
    return np.asarray(
        (1 + 2 * u) * (1 - u) ** 2 * values[low]
        + u * (1 - u) ** 2 * length * slopes[low]
        + u * u * (3 - 2 * u) * values[low + 1]
        + u * u * (u - 1) * length * slopes[low + 1]
    )
