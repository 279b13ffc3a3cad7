"""Moved pictures in the conditioning: what the autoencoder is asked, and what becomes of its answers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from motionstream.models.track_head import FRAMES_PER_LATENT, TrackHeadConfig
from motionstream.tracks import Tracks

OURS = TrackHeadConfig(id_channels=8, identity="origin", hidden_channel=True, copy="picture")
IN_CELLS = pytest.mark.parametrize("scene", [(4, 6, 8)], indirect=True)


def parts_of(image: Tensor) -> tuple[Tensor, Tensor]:
    """The mask `4 f h w` and the known latents `c f h w`."""
    return image[:FRAMES_PER_LATENT], image[FRAMES_PER_LATENT:]


def path(start: tuple[float, float], step: tuple[float, float], num_frames: int = 33) -> Tracks:
    """A point whose position in [0, 1] moves by `step` a video frame."""
    xy = np.asarray(start) + np.arange(num_frames)[:, None] * np.asarray(step)
    return Tracks(ids=np.zeros(1, int), xy=xy[:, None], visible=np.ones((num_frames, 1), bool))


@IN_CELLS
def test_the_encoder_sees_the_moved_video_once_a_chunk_and_goes_on_where_it_stopped(
    scene: Any, stream: Any, newest_of: Any, wandering: Any, encoder: Any
) -> None:
    told, newest = wandering(20, 2), newest_of(3)
    _, memory = stream(told, newest, OURS, encode=encoder)
    moved = scene.stream(told, [before.canvas for before in newest], OURS.reach)
    videos, states = zip(*encoder.asked, strict=True)
    for video, wanted, before in zip(videos, moved, newest, strict=True):
        assert torch.equal(video, wanted.video[None])
        assert not torch.allclose(video[0], before.canvas.expand_as(video[0]), atol=0.1)
    kept = [state for _, state in encoder.answered]
    assert states[0] is None
    assert states[1] is kept[0]
    assert states[2] is kept[1]
    assert memory.encoder is kept[2]


def test_the_encoder_s_latents_are_the_known_ones_but_for_the_given_first_frame(
    stream: Any, newest_of: Any, wandering: Any, encoder: Any
) -> None:
    newest = newest_of(3)
    mask, known = parts_of(stream(wandering(20, 2), newest, OURS, encode=encoder)[0].image)
    made = torch.cat([latent[0] for latent, _ in encoder.answered], dim=1)
    assert torch.equal(known[:, 1:], made[:, 1:])
    assert torch.equal(known[:, 0], newest[0].latent)
    assert not torch.allclose(made[:, 0], newest[0].latent, atol=0.1)
    assert (mask[:, 0] == 1).all()


@IN_CELLS
def test_the_mask_packs_the_carried_shares_frame_by_frame(
    scene: Any, stream: Any, newest_of: Any, wandering: Any
) -> None:
    told, newest = wandering(6, 2), newest_of(3)
    mask, _ = parts_of(stream(told, newest, OURS)[0].image)
    moved = scene.stream(told, [before.canvas for before in newest], OURS.reach)
    carried = torch.cat([one.carried for one in moved])
    for latent in range(1, 9):
        for slot in range(FRAMES_PER_LATENT):
            assert torch.equal(mask[slot, latent], carried[4 * latent - 3 + slot])
    assert mask.unique().tolist() == [-1, 0, 0.25, 0.5, 0.75, 1]


def test_without_tracks_the_encoder_sees_the_newest_picture_stand_still(
    stream: Any, newest_of: Any, encoder: Any
) -> None:
    newest = newest_of(3)
    made, memory = stream(Tracks.empty(33), newest, OURS, encode=encoder)
    assert not made.motion.any()
    assert not parts_of(made.image)[0][:, 1:].any()
    for (video, _), before in zip(encoder.asked, newest, strict=True):
        assert torch.equal(video[0], before.canvas.expand_as(video[0]))
    assert len(memory.ids) == len(memory.anchors) == 0
    assert memory.encoder is encoder.answered[2][1]


def test_the_reach_is_that_of_the_configuration(stream: Any, newest_of: Any) -> None:
    told = path((2 / 6, 2 / 4), (0, 0), 9)  # on a corner of cells
    for reach, places in ((0.3, 0), (0.4, 4), (0.8, 12)):
        mask, _ = parts_of(stream(told, newest_of(1), replace(OURS, reach=reach), (9,))[0].image)
        assert (4 * mask[:, 1:].sum((2, 3))).unique().tolist() == [places]


@pytest.mark.parametrize("chunks", [(9, 12, 12), (1, 4, 28), (21, 12)])
def test_chunk_by_chunk_equals_the_whole_clip_where_nothing_is_left_behind(
    chunks: tuple[int, ...], stream: Any, newest_of: Any
) -> None:
    told = path((0.5, 0.5), (0.001, -0.0015))  # 0.19 cells in all, less than half a place
    everywhere, newest = replace(OURS, reach=99), newest_of(1)
    made, _ = stream(told, newest * len(chunks), everywhere, chunks)
    whole, _ = stream(told, newest, everywhere, (33,))
    (mask, known), (_, known_whole) = parts_of(made.image), parts_of(whole.image)
    assert (mask == 1).all()
    torch.testing.assert_close(known, known_whole, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(known[:, 8], known[:, 1], atol=0.1)


def test_what_has_left_is_told_by_comparison_with_the_newest_picture_of_each_chunk(stream: Any, newest_of: Any) -> None:
    told, newest = path((1 / 6, 2 / 4), (1 / 6 / 8, 0)), newest_of(1)  # a cell in 8 frames
    near = replace(OURS, reach=0.4)
    mask, _ = parts_of(stream(told, newest * 2, near, (17, 16))[0].image)
    whole, _ = parts_of(stream(told, newest, near, (33,))[0].image)
    assert torch.equal(mask.clamp(min=0), whole.clamp(min=0))
    # The point is at x = 1, 2, 3, 4, 5 cells in frames 0, 8, 16, 24, 32 and reaches the cells on both sides.
    assert whole[3, 4, 1].tolist() == [-1, -1, 0.25, 0.25, 0, 0]
    assert whole[3, 8, 1].tolist() == [-1, -1, 0, 0, 0.25, 0.25]
    assert mask[3, 4, 1].tolist() == [-1, -1, 0.25, 0.25, 0, 0]
    assert mask[3, 8, 1].tolist() == [0, 0, -1, -1, 0.25, 0.25]
