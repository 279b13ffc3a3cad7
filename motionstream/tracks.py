"""Tracks: what is known of the motion, as named points over video frames.

Coordinates are normalised: x runs over [0, 1) across the width and y over [0, 1) down the height, so pixel i covers
[i / W, (i + 1) / W) and a continuous pixel position is ``xy * (W, H)``. Nothing here needs torch.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from motionstream.errors import OutputError, TracksError

_KEYS = ("ids", "xy", "visible")


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracks:
    """Points with an identity that are followed over video frames; a single frame is t = 1.

    The arrays are checked, cast and copied once at construction and read-only afterwards. A point outside the picture
    keeps its position, but its visibility is cleared.

    Attributes:
        ids: Identity of each point, int64 [n], unique and not negative; a stream never uses one twice.
        xy: Normalised positions, float32 [t, n, 2], finite even where a point is not visible.
        visible: bool [t, n], False where the point is hidden, absent or outside [0, 1).
    """

    ids: Int64[np.ndarray, " n"]
    xy: Float32[np.ndarray, "t n 2"]
    visible: Bool[np.ndarray, "t n"]

    def __post_init__(self) -> None:
        ids, xy, visible = _checked_ids(self.ids), _checked_xy(self.xy), _checked_visible(self.visible)
        t, n = xy.shape[:2]
        if ids.shape != (n,) or visible.shape != (t, n):
            raise TracksError(
                f"Tracks: wanted ids [n], xy [t, n, 2] and visible [t, n]; got ids {list(ids.shape)}, "
                f"xy {list(xy.shape)}, visible {list(visible.shape)}. Give all three the same n and t."
            )
        visible &= ((xy >= 0) & (xy < 1)).all(axis=-1)
        for name, array in zip(_KEYS, (ids, xy, visible), strict=True):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def empty(cls, num_frames: int) -> Self:
        """No points at all for `num_frames` video frames: nothing is specified."""
        return cls(ids=np.zeros(0, np.int64), xy=np.zeros((num_frames, 0, 2)), visible=np.zeros((num_frames, 0), bool))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read tracks from an .npz file written by `save`; never unpickles.

        Raises:
            TracksError: The file is missing, is not an .npz of plain arrays, or its arrays are not tracks.
        """
        arrays = _read_npz(Path(path))
        try:
            return cls(**arrays)
        except TracksError as error:
            raise TracksError(f"{path}: {error}") from error

    @property
    def num_frames(self) -> int:
        """Video frames t."""
        return int(self.xy.shape[0])

    @property
    def num_points(self) -> int:
        """Points n."""
        return int(self.xy.shape[1])

    def __len__(self) -> int:
        return self.num_frames

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tracks):
            return NotImplemented
        return all(np.array_equal(getattr(self, key), getattr(other, key)) for key in _KEYS)

    __hash__ = None  # type: ignore[assignment]  # equal by content, so not usable as a key

    def __repr__(self) -> str:
        seen = f", {self.visible.mean():.0%} visible" if self.num_points else ""
        return f"Tracks({self.num_points} points, {self.num_frames} frames{seen})"

    def slice(self, start: int, stop: int) -> Tracks:
        """Video frames [start, stop); both must lie inside."""
        if not 0 <= start < stop <= self.num_frames:
            raise TracksError(
                f"Tracks.slice: wanted 0 <= start < stop <= {self.num_frames} video frames, got [{start}, {stop}). "
                "Ask for frames that exist."
            )
        return Tracks(ids=self.ids, xy=self.xy[start:stop], visible=self.visible[start:stop])

    def select(self, points: Bool[np.ndarray, " n"] | Iterable[int]) -> Tracks:
        """The points of a boolean mask [n], or those with the given ids in the given order."""
        wanted = np.asarray(points if isinstance(points, np.ndarray) else list(points))
        if wanted.dtype == bool:
            if wanted.shape != (self.num_points,):
                raise TracksError(f"Tracks.select: wanted a mask [{self.num_points}], got {list(wanted.shape)}.")
            columns = np.flatnonzero(wanted)
        else:
            columns = self._columns(wanted.astype(np.int64))
        return Tracks(ids=self.ids[columns], xy=self.xy[:, columns], visible=self.visible[:, columns])

    def _columns(self, wanted: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, " m"]:
        order = np.argsort(self.ids)
        places = np.searchsorted(self.ids, wanted, sorter=order)
        known = np.isin(wanted, self.ids)
        if not known.all():
            raise TracksError(
                f"Tracks.select: wanted ids of its {self.num_points} points, got {wanted[~known][:5].tolist()} besides."
            )
        return order[places].astype(np.int64, copy=False)

    def merge(self, other: Tracks) -> Tracks:
        """The points of both, over the same video frames; their ids must differ."""
        if other.num_frames != self.num_frames:
            raise TracksError(
                f"Tracks.merge: wanted {self.num_frames} video frames in both, got {other.num_frames}. "
                "Slice or resample one of them first."
            )
        return Tracks(
            ids=np.concatenate([self.ids, other.ids]),
            xy=np.concatenate([self.xy, other.xy], axis=1),
            visible=np.concatenate([self.visible, other.visible], axis=1),
        )

    def concat_time(self, later: Tracks) -> Tracks:
        """This one followed by `later`: the union of their points, invisible where a part does not know one.

        Where a point is absent it rests at the nearest position that is known.
        """
        ids = np.concatenate([self.ids, later.ids[~np.isin(later.ids, self.ids)]])
        before, after = _spread(self, ids), _spread(later, ids)
        unborn, gone = ~np.isin(ids, self.ids), ~np.isin(ids, later.ids)
        before[0][:, unborn] = after[0][0, unborn]
        after[0][:, gone] = before[0][-1, gone]
        xy, visible = (np.concatenate(pair) for pair in zip(before, after, strict=True))
        return Tracks(ids=ids, xy=xy, visible=visible)

    def resample(self, num_frames: int) -> Tracks:
        """The same motion over `num_frames` video frames; the first and last frame stay the first and last."""
        if num_frames < 1:
            raise TracksError(f"Tracks.resample: wanted at least 1 video frame, got {num_frames}.")
        return self.at_frames(np.linspace(0, self.num_frames - 1, num_frames))

    def at_frames(self, positions: Float[np.ndarray, " s"] | Iterable[float]) -> Tracks:
        """Tracks at fractional video frames: positions linear in time, visibility of the nearest frame.

        Next to a frame in which the point is hidden its position there is not trusted: the nearer frame's is taken.
        """
        where = np.asarray(positions if isinstance(positions, np.ndarray) else list(positions), dtype=np.float64)
        last = self.num_frames - 1
        if where.ndim != 1 or not (np.isfinite(where) & (where >= 0) & (where <= last)).all():
            raise TracksError(f"Tracks.at_frames: wanted positions [s] within 0..{last}, got {where!r}.")
        low = np.floor(where).astype(np.int64)
        high = np.minimum(low + 1, last)
        nearest = np.where(where - low < 0.5, low, high)
        part = (where - low)[:, None, None]
        between = (1 - part) * self.xy[low] + part * self.xy[high]
        both = (self.visible[low] == self.visible[high])[..., None]
        return Tracks(ids=self.ids, xy=np.where(both, between, self.xy[nearest]), visible=self.visible[nearest])

    def save(self, path: str | Path) -> None:
        """Write an .npz with the arrays ids, xy and visible; an old file is replaced only by a whole new one."""
        target = Path(path)
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                np.savez_compressed(file, ids=self.ids, xy=self.xy, visible=self.visible)
            partial.replace(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise OutputError(
                f"Tracks could not be written to {target}: {error.strerror}. Choose another path."
            ) from error


def _checked_ids(value: Any) -> Int64[np.ndarray, " n"]:
    given = np.asarray(value)
    if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise TracksError(f"Tracks: wanted integer ids [n], got {given.dtype} {list(given.shape)}. Number the points.")
    ids = np.array(given, dtype=np.int64)
    if ids.size and (ids.min() < 0 or len(np.unique(ids)) != ids.size):
        raise TracksError("Tracks: wanted ids that are unique and not negative. Give every point an id of its own.")
    return ids


def _checked_xy(value: Any) -> Float32[np.ndarray, "t n 2"]:
    given = np.asarray(value)
    if given.ndim != 3 or given.shape[2] != 2 or given.shape[0] < 1 or given.dtype.kind not in "fiu":
        raise TracksError(
            f"Tracks: wanted numeric xy [t, n, 2] with t >= 1, got {given.dtype} {list(given.shape)}. "
            "Put video frames first, then points, then (x, y)."
        )
    with np.errstate(over="ignore"):  # an overflow becomes infinite and is named below
        xy = np.array(given, dtype=np.float32)
    if not np.isfinite(xy).all():
        raise TracksError("Tracks: wanted finite xy, got NaN or infinity. Set visible=False and any finite position.")
    return xy


def _checked_visible(value: Any) -> Bool[np.ndarray, "t n"]:
    given = np.asarray(value)
    if given.dtype != bool and not (given.dtype.kind in "iu" and np.isin(given, (0, 1)).all()):
        raise TracksError(f"Tracks: wanted boolean visible [t, n], got {given.dtype}. Compare with a threshold first.")
    return np.array(given, dtype=bool)


def _spread(
    tracks: Tracks, ids: Int64[np.ndarray, " n"]
) -> tuple[Float32[np.ndarray, "t n 2"], Bool[np.ndarray, "t n"]]:
    """Positions and visibility in the columns of `ids`, zero and invisible where `tracks` lacks one."""
    xy = np.zeros((tracks.num_frames, len(ids), 2), np.float32)
    visible = np.zeros((tracks.num_frames, len(ids)), bool)
    known = np.isin(ids, tracks.ids)
    columns = tracks._columns(ids[known])
    xy[:, known], visible[:, known] = tracks.xy[:, columns], tracks.visible[:, columns]
    return xy, visible


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    wanted = f"wanted an .npz with the arrays {', '.join(_KEYS)}"
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if not isinstance(content, np.lib.npyio.NpzFile):
                raise TracksError(f"{path}: {wanted}, got a single array. Save tracks with Tracks.save.")
            missing = [key for key in _KEYS if key not in content]
            if missing:
                raise TracksError(f"{path}: {wanted}; {', '.join(missing)} missing. Save tracks with Tracks.save.")
            return {key: content[key] for key in _KEYS}
    except OSError as error:
        raise TracksError(f"{path}: {wanted}, could not read it: {error.strerror}. Check the path.") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise TracksError(f"{path}: {wanted}, got something else. Save tracks with Tracks.save.") from error
