"""WebcamStatus: what is to be shown of a camera while it moves a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["waiting", "starting", "running", "stale", "lost"]


@dataclass(frozen=True, kw_only=True)
class WebcamStatus:
    """How it stands at one moment.

    Attributes:
        state: "waiting" for the first picture; "starting", the tracker has not answered yet; "running"; "stale", no
            picture for too long; "lost", the source or the tracker failed. The target holds still in the last two.
        reason: Why it is lost or stale, or what the last bad picture was; for people, empty where all is well.
        tracker: Its name.
        notice: What is to be known of the tracker: how late it is, its license.
        age_seconds: Since the newest picture whose points are known was taken; None before the first.
        num_followed: Camera pictures that were followed.
        num_dropped: Camera pictures that newer ones replaced, or that came too late.
        num_bad: Camera pictures that could not be read.
        followed_fps: Pictures followed a second, lately.
        seen_share: Share of the camera's points that were found in the newest picture.
        camera_xy: Where they are, from 0 to 1 over the (mirrored) camera picture.
        camera_visible: Which of them were found.
        target_xy: Where the target's points are, from 0 to 1 over the target picture; point i goes with camera point i.
    """

    state: State
    reason: str = ""
    tracker: str = ""
    notice: str = ""
    age_seconds: float | None = None
    num_followed: int = 0
    num_dropped: int = 0
    num_bad: int = 0
    followed_fps: float = 0.0
    seen_share: float = 0.0
    camera_xy: tuple[tuple[float, float], ...] = ()
    camera_visible: tuple[bool, ...] = ()
    target_xy: tuple[tuple[float, float], ...] = ()
