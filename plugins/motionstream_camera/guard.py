"""Guard: keeps the camera where it sees the scene, and out of things."""

from __future__ import annotations

import numpy as np

from motionstream_camera.lens import Lens
from motionstream_camera.pose import Pose
from motionstream_camera.presets import PresetFlight
from motionstream_camera.surface import Surface

_NUM_RAYS = 64  # few enough to be sent in each frame
_BRAKING_SECONDS = 0.2  # from free to held and back
_SOFT = 0.15  # part of the picture over which the camera slows down
_PROBES = 24  # poses of one round that are looked at


class Guard:
    """Tells how much of a step is allowed.

    Args:
        surface: The scene.
        home: Pose and lens of the photograph: what can be seen from there counts as all.
        least: Part of that which must stay in view; 0 allows everything.
        closest: Things nearer than this do not count as seen, from twice as far on they count in full.
    """

    def __init__(self, surface: Surface, home: tuple[Pose, Lens], *, least: float, closest: float) -> None:
        self._surface, self._least, self._closest = surface, least, closest
        count = np.arange(_NUM_RAYS) + 0.5
        # Two irrational steps spread the rays so that the edge of the scene takes them one by one, not row by row.
        self._places = np.stack([count * 0.7548776662466927, count * 0.5698402909980532], axis=-1) % 1
        self._lens, self._directions = home[1], home[1].unproject(self._places)
        self._part = 1.0
        self._newest: tuple[Pose, Lens, float] | None = None
        self._whole = 1.0
        self._whole, self._newest = max(self.seen_part(*home), 1 / len(self._places)), None

    def seen_part(self, pose: Pose, lens: Lens) -> float:
        """Part of the picture that shows the scene, of what the photograph shows of it."""
        if self._newest is not None and self._newest[0] is pose and self._newest[1] == lens:
            return self._newest[2]  # after one step is before the next
        if lens != self._lens:
            self._lens, self._directions = lens, lens.unproject(self._places)
        depth = self._surface.depths_along(pose, self._directions)
        clear = np.clip(depth / self._closest - 1, 0, 1) if self._closest > 0 else np.ones_like(depth)
        part = float(np.where(np.isfinite(depth), clear, 0).sum()) / len(depth) / self._whole
        self._newest = (pose, lens, part)
        return part

    def allowed_part(self, before: tuple[Pose, Lens], after: tuple[Pose, Lens], seconds: float) -> float:
        """Part of a step that may be made: all of it where the view gets no worse or is good enough.

        From step to step it changes gently; only where nothing would be seen any more it is none at once.
        """
        if self._least == 0:
            return 1.0
        change = seconds / _BRAKING_SECONDS
        wanted, seen = self._wanted_part(before, after)
        self._part = min(max(wanted, self._part - change), self._part + change) if seen > 0 else 0.0
        return self._part

    def _wanted_part(self, before: tuple[Pose, Lens], after: tuple[Pose, Lens]) -> tuple[float, float]:
        seen_before, seen = self.seen_part(*before), self.seen_part(*after)
        left = seen - self._least
        if left >= _SOFT or seen >= seen_before:
            return 1.0, seen
        return max(left / _SOFT, 0.0), seen

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
