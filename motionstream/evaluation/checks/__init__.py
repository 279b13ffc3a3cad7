"""Demands on a checkpoint, each a function from ``generate`` and scenes to a result with a verdict.

`check_clips`: closer to the true clip than a still picture. `check_two_drags`: two drags of one picture give two
different motions, each the demanded one. `check_photographs`: what is dragged in a photograph moves, the rest stays.
`check_colours`: what comes into view has the colour that the prompt names. `check_permanence`: what passes behind
something comes out again. `check_drift`: a long stream ends as well as it begins. `check_fast_drags`: implausible
drags arrive, and spoil nothing.

Spoiling the picture never helps: for two drags a share of the points has to be followed, and in photographs a point
that the tracker loses counts as resting where it was seen last. Which points can be followed at all is decided on the
given picture, not on the model's output.
"""

from motionstream.evaluation.checks.clips import ClipScore, ClipsResult, TrueClip, check_clips
from motionstream.evaluation.checks.colours import ColourScene, check_colours
from motionstream.evaluation.checks.drift import LongClip, check_drift
from motionstream.evaluation.checks.fast_drags import FastDrag, check_fast_drags
from motionstream.evaluation.checks.permanence import BehindScene, check_permanence
from motionstream.evaluation.checks.photographs import (
    Photograph,
    PhotographScore,
    PhotographsResult,
    check_photographs,
)
from motionstream.evaluation.checks.two_drags import TwoDrags, TwoDragsResult, TwoDragsScore, check_two_drags

__all__ = [
    "BehindScene",
    "ClipScore",
    "ClipsResult",
    "ColourScene",
    "FastDrag",
    "LongClip",
    "Photograph",
    "PhotographScore",
    "PhotographsResult",
    "TrueClip",
    "TwoDrags",
    "TwoDragsResult",
    "TwoDragsScore",
    "check_clips",
    "check_colours",
    "check_drift",
    "check_fast_drags",
    "check_permanence",
    "check_photographs",
    "check_two_drags",
]
