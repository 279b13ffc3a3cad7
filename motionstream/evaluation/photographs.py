"""The photographs of the check and the drags in them, fixed before any model was tried on them.

The files are public pictures that other projects ship; they are not part of this one and lie in a folder of the user's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from motionstream.evaluation.checks.photographs import Photograph
from motionstream.evaluation.scenes import photograph
from motionstream.streaming.image import fit_image


@dataclass(frozen=True, kw_only=True)
class DragPlan:
    """A drag in a photograph that is cropped to a square; positions are normalised, lengths are in widths.

    Attributes:
        file: Name of the picture in its folder.
        prompt: What it shows.
        centre_xy: Middle of what is dragged.
        vector_widths: The drag, to the right and downwards.
        far_xy: Middle of the region that is to stay.
    """

    file: str
    prompt: str
    centre_xy: tuple[float, float]
    vector_widths: tuple[float, float]
    far_xy: tuple[float, float]


DRAG_PLANS = (
    DragPlan(
        file="liveportrait_s22.jpg",
        prompt="a monkey between two trunks, the head moves left",
        centre_xy=(0.44, 0.34),
        vector_widths=(-0.2, 0.0),
        far_xy=(0.13, 0.85),
    ),
    DragPlan(
        file="da2_demo07.jpg",
        prompt="a basketball over a net, the ball moves down",
        centre_xy=(0.34, 0.33),
        vector_widths=(0.0, 0.2),
        far_xy=(0.9, 0.3),
    ),
    DragPlan(
        file="skimage_astronaut.png",
        prompt="an astronaut in an orange suit, the face moves right",
        centre_xy=(0.42, 0.27),
        vector_widths=(0.2, 0.0),
        far_xy=(0.08, 0.4),
    ),
    DragPlan(
        file="skimage_chelsea.png",
        prompt="the face of a cat, an eye moves down",
        centre_xy=(0.3, 0.4),
        vector_widths=(0.0, 0.2),
        far_xy=(0.62, 0.1),
    ),
    DragPlan(
        file="da2_demo02.jpg",
        prompt="sunflowers before an evening sky, a flower moves right",
        centre_xy=(0.27, 0.42),
        vector_widths=(0.2, 0.0),
        far_xy=(0.75, 0.75),
    ),
)


def open_photographs(
    folder: str | Path, *, height: int, width: int, num_frames: int, plans: Sequence[DragPlan] = DRAG_PLANS
) -> Iterator[Photograph]:
    """The planned photographs of a folder at the model's size, one after the other.

    Raises:
        InputError: A file is missing or is no picture.
    """
    for plan in plans:
        picture = fit_image(Path(folder) / plan.file, height=height, width=width)
        yield photograph(
            picture.pixels,
            plan.file,
            num_frames=num_frames,
            centre_xy=plan.centre_xy,
            vector_widths=plan.vector_widths,
            far_xy=plan.far_xy,
            prompt=plan.prompt,
        )
