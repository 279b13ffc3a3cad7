"""Guard: keeps the camera where it sees the scene, and out of things."""

from __future__ import annotations

import numpy as np

from motionstream_camera.lens import Lens
from motionstream_camera.pose import Pose
from motionstream_camera.presets import PresetFlight
from motionstream_camera.surface import Surface

_ACROSS, _DOWN = 12, 8  # rays: enough to see a twelfth of the picture go, few enough to be sent in each frame
_SOFT = 0.15  # part of the picture over which the camera slows down
_STEPS_UNCHECKED = 3  # where far more than enough is in view, a few steps cannot change that
_PROBES = 24  # poses of one round that are looked at


class Guard:
    """Tells how much of a step is allowed.

    Args:
        surface: The scene.
        home: Pose and lens of the photograph: what can be seen from there counts as all.
        least: Part of that which must stay in view; 0 allows everything.
        closest: Things nearer than this do not count as seen.
    """

    def __init__(self, surface: Surface, home: tuple[Pose, Lens], *, least: float, closest: float) -> None:
        self._surface, self._least, self._closest = surface, least, closest
        x, y = np.meshgrid((np.arange(_ACROSS) + 0.5) / _ACROSS, (np.arange(_DOWN) + 0.5) / _DOWN)
        self._raster = np.stack([x, y], axis=-1).reshape(-1, 2)
        self._unchecked = 0
        self._newest: tuple[Pose, Lens, float] | None = None
        self._whole = 1.0
        self._whole, self._newest = max(self.seen_part(*home), 1 / len(self._raster)), None

    def seen_part(self, pose: Pose, lens: Lens) -> float:
        """Part of the picture that shows the scene, of what the photograph shows of it."""
        if self._newest is not None and self._newest[0] is pose and self._newest[1] == lens:
            return self._newest[2]  # after one step is before the next
        seen = self._surface.seen(pose, lens, self._raster, self._closest)
        part = np.count_nonzero(seen) / len(seen) / self._whole
        self._newest = (pose, lens, part)
        return part

    def allowed_part(self, before: tuple[Pose, Lens], after: tuple[Pose, Lens]) -> float:
        """Part of a step that may be made: all of it where the view gets no worse or is good enough."""
        if self._least == 0:
            return 1.0
        if self._unchecked > 0:
            self._unchecked -= 1
            return 1.0
        seen_before, seen = self.seen_part(*before), self.seen_part(*after)
        left = seen - self._least
        self._unchecked = _STEPS_UNCHECKED if left > 2 * _SOFT else 0
        if left >= _SOFT or seen >= seen_before:
            return 1.0
        return max(left / _SOFT, 0.0)

    def fitted(self, flight: PresetFlight, pose: Pose, lens: Lens) -> PresetFlight:
        """The preset, made smaller until a whole round keeps the scene in view."""
        for part in (1.0, 0.75, 0.5, 0.3, 0.15):
            smaller = PresetFlight(
                name=flight.name,
                pivot_distance=flight.pivot_distance,
                amount=flight.amount * part,
                period_seconds=flight.period_seconds,
            )
            if self._least == 0 or self._keeps_in_view(smaller, pose, lens):
                return smaller
        return smaller

    def _keeps_in_view(self, flight: PresetFlight, pose: Pose, lens: Lens) -> bool:
        needed = min(self._least + _SOFT, self.seen_part(pose, lens) - _SOFT / 2)
        for index in range(_PROBES):
            moved, zoom = flight.at(flight.period_seconds * index / _PROBES)
            if self.seen_part(pose @ moved, lens.zoomed(zoom)) < needed:
                return False
        return True
