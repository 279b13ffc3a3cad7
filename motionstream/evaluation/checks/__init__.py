"""Three demands on a checkpoint, each a function from ``generate`` and scenes to a result with a verdict.

`check_clips`: closer to the true clip than a still picture. `check_two_drags`: two drags of one picture give two
different motions, each the demanded one. `check_photographs`: what is dragged in a photograph moves, the rest stays.

Spoiling the picture never helps: for two drags a share of the points has to be followed, and in photographs a point
that the tracker loses counts as resting where it was seen last. Which points can be followed at all is decided on the
given picture, not on the model's output.
"""

from motionstream.evaluation.checks.clips import ClipScore, ClipsResult, TrueClip, check_clips
from motionstream.evaluation.checks.photographs import (
    Photograph,
    PhotographScore,
    PhotographsResult,
    check_photographs,
)
from motionstream.evaluation.checks.two_drags import TwoDrags, TwoDragsResult, TwoDragsScore, check_two_drags

__all__ = [
    "ClipScore",
    "ClipsResult",
    "Photograph",
    "PhotographScore",
    "PhotographsResult",
    "TrueClip",
    "TwoDrags",
    "TwoDragsResult",
    "TwoDragsScore",
    "check_clips",
    "check_photographs",
    "check_two_drags",
]
