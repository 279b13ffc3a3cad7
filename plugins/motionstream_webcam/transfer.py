"""Transfer: where the camera's points are -> where the target's points go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from motionstream_webcam.dead_zone import DeadZone
from motionstream_webcam.neighbours import with_neighbours_motion
from motionstream_webcam.one_euro import OneEuro
from motionstream_webcam.pairing import Pairing
from motionstream_webcam.settings import WebcamSettings
from motionstream_webcam.shake import camera_motion
from motionstream_webcam.similarity import Similarity, consensus

Places = Float64[np.ndarray, "n 2"]
Seen = Bool[np.ndarray, " n"]

_RIGID_TOLERANCE = 0.02
"""Widths within which points follow the common shift, turn and growth."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """The target at one camera picture.

    Attributes:
        seconds: Time of the picture.
        places: Of the target's points, in widths [n, 2].
        seen: Which of the camera's points were believed [n].
    """

    seconds: float
    places: Places
    seen: Seen


class Transfer:
    """Motion since one reference.

    Args:
        settings: How motion is transferred.
        pairing: Which place moves which point.
        reference: Where the camera's points are at the reference, in widths [n, 2].
        background: The same of points around the camera's part; may be empty.
        start: Where the target's points are at the reference; by default where they rest.
    """

    def __init__(
        self,
        settings: WebcamSettings,
        pairing: Pairing,
        reference: Places,
        background: Places,
        start: Places | None = None,
    ) -> None:
        self._settings, self._pairing = settings, pairing
        self._reference, self._background = reference, background
        self._start = pairing.target if start is None else start
        self._shake = Similarity()
        self._seconds: float | None = None
        self._believed = reference
        self._jumped = np.zeros_like(reference)
        self._still = DeadZone(settings.dead_zone)
        self._smooth = OneEuro(settings.smoothing_cutoff, settings.smoothing_beta)

    def pose(self, seconds: float, camera: Places, background: Places, seen: Seen, background_seen: Seen) -> Pose:
        """Where the target's points go for one camera picture.

        Args:
            seconds: Time of the picture.
            camera: Where the camera's points are, in widths [n, 2].
            background: Where those around them are [m, 2].
            seen: Which of the first were found [n].
            background_seen: Which of the others were found [m].
        """
        steady = self._steady(camera, background, background_seen) + self._jumped
        believed = seen & self._plausible(seconds, steady, seen)
        self._believed = with_neighbours_motion(self._believed, steady, believed)
        jumped = seen & ~believed  # it follows something else now, whose motion may be as good
        self._jumped = np.where(jumped[:, None], self._jumped + self._believed - steady, self._jumped)
        self._seconds = seconds
        wanted = self._absolute() if self._settings.mode == "absolute" else self._relative(believed)
        return Pose(seconds=seconds, places=self._smooth(seconds, self._still(wanted)), seen=believed)

    def _steady(self, camera: Places, background: Places, seen: Seen) -> Places:
        """Places as a camera that did not move would see them."""
        if not (self._settings.remove_shake and len(background)):
            return camera
        found = camera_motion(self._background, background, seen)
        self._shake = self._shake if found is None else found
        return self._shake.inverse()(camera)

    def _plausible(self, seconds: float, places: Places, seen: Seen) -> Seen:
        """Which points keep near enough to the motion that most share since the last picture."""
        step = 1 / 30 if self._seconds is None else max(seconds - self._seconds, 1e-3)
        tolerance = self._settings.outlier_speed * step
        agree = np.zeros(len(places), bool)
        if seen.any():
            agree[seen] = consensus(self._believed[seen], places[seen], tolerance).agree
        return agree

    def _relative(self, believed: Seen) -> Places:
        """The motion since the reference, its shift and bends times the gain."""
        chosen, middle = self._settings, self._reference.mean(axis=0)
        use = believed if believed.sum() >= 3 else np.ones(len(believed), bool)
        common = consensus(self._reference[use], self._believed[use], _RIGID_TOLERANCE).motion
        around = self._reference - middle
        shift = common(middle[None])[0] - middle
        rest = self._believed - common(self._reference) if chosen.shape == "free" else 0.0
        turned = Similarity(turn=common.part(rotation=chosen.follow_rotation, scale=chosen.follow_scale))(around)
        moved = chosen.gain * (shift + rest) + turned - around
        return np.asarray(self._start + np.einsum("nij,nj->ni", self._pairing.jacobian, moved))

    def _absolute(self) -> Places:
        """The camera picture laid over the target picture."""
        return self._pairing.over(self._believed)
