"""The planned photographs open at the model's size."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motionstream.errors import InputError
from motionstream.evaluation.photographs import DRAG_PLANS, open_photographs


def test_every_planned_drag_is_a_fifth_of_the_width_and_stays_inside_far_from_the_far_region() -> None:
    assert len(DRAG_PLANS) == 5
    for plan in DRAG_PLANS:
        centre, vector, far = np.array(plan.centre_xy), np.array(plan.vector_widths), np.array(plan.far_xy)
        assert np.linalg.norm(vector) == pytest.approx(0.2)
        assert ((centre + vector > 0.1) & (centre + vector < 0.9)).all()
        assert min(np.linalg.norm(centre - far), np.linalg.norm(centre + vector - far)) > 0.3


def test_photographs_come_at_the_size_and_length_asked_for(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    for plan in DRAG_PLANS:
        Image.fromarray(noise).save(tmp_path / plan.file)
    scenes = list(open_photographs(tmp_path, height=64, width=96, num_frames=9))
    assert [scene.name for scene in scenes] == [plan.file for plan in DRAG_PLANS]
    assert scenes[0].image.shape == (64, 96, 3)
    assert scenes[0].drag.tracks.num_frames == 9
    assert scenes[0].drag.tracks.visible[:, scenes[0].drag.dragged].all()


def test_a_missing_photograph_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=DRAG_PLANS[0].file):
        next(open_photographs(tmp_path, height=64, width=64, num_frames=9))
