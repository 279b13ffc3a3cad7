"""The drift check, on streams that stay, fade, stand still, and on a tiny real one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionstream.errors import InputError
from motionstream.evaluation.checks.drift import BlockScore, DriftScore, LongClip, check_drift
from motionstream.streaming.engine import StreamEngine
from motionstream.streaming.stream_generator import StreamGenerator
from motionstream.tracks import Tracks

NUM_FRAMES, BLOCK = 80, 16


def long_clip(num_frames: int = NUM_FRAMES) -> LongClip:
    """A pattern that goes round once a block."""
    picture = np.random.default_rng(0).integers(40, 215, (32, BLOCK * 2, 3), dtype=np.uint8)
    frames = np.stack([np.roll(picture, 2 * index, axis=1) for index in range(num_frames)])
    return LongClip(name="round", frames=frames, tracks=Tracks.empty(num_frames), prompt="a pattern")


def noisy(rate: float) -> Any:
    """The true clip with noise that grows by `rate` levels a frame."""

    def generate(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        frames = long_clip().frames
        noise = np.random.default_rng(seed).normal(0, 1, frames.shape)
        level = 4 + rate * np.arange(len(frames))[:, None, None, None]
        return np.clip(frames + level * noise, 0, 255).astype(np.uint8)

    return generate


def still(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
    return np.repeat(image[None], tracks.num_frames, axis=0)


def mean_difference(frames: np.ndarray, reference: np.ndarray) -> float:
    return float(np.abs(frames.astype(float) - reference).mean())


def test_a_stream_with_constant_errors_does_not_drift() -> None:
    result = check_drift(noisy(0), [long_clip(), long_clip()], block_frames=BLOCK, distance=mean_difference)
    assert result.passed
    assert len(result.scores[0].blocks) == 5
    assert result.slope("psnr_db").mean == pytest.approx(0, abs=1)
    assert result.block(0, "distance").mean == pytest.approx(result.block(-1, "distance").mean, rel=0.02)


def test_a_stream_that_gets_noisier_drifts_in_every_figure() -> None:
    result = check_drift(noisy(0.2), [long_clip()], block_frames=BLOCK, distance=mean_difference)
    assert not result.passed
    assert result.scores[0].loss_db > 5
    assert result.slope("psnr_db").mean < -50
    assert result.slope("ssim").mean < 0
    assert result.slope("distance").mean > 0


def test_standing_still_does_not_drift_and_does_not_pass_either() -> None:
    result = check_drift(still, [long_clip()], block_frames=BLOCK)
    assert result.scores[0].loss_db < 1
    assert result.scores[0].last_gain_db == 0
    assert not result.passed
    assert np.isnan(result.block(0, "distance").mean)


def test_frame_0_is_given_and_does_not_count() -> None:
    def only_first(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        frames = np.full_like(long_clip().frames, 127)
        frames[0] = image
        return frames

    blocks = check_drift(only_first, [long_clip()], block_frames=BLOCK).scores[0].blocks
    assert blocks[0].psnr_db == pytest.approx(blocks[1].psnr_db, abs=1e-3)


def test_the_slope_is_per_thousand_frames() -> None:
    blocks = tuple(
        BlockScore(psnr_db=30 - index, ssim=1.0, distance=float("nan"), still_psnr_db=10.0) for index in range(5)
    )
    score = DriftScore(name="line", block_frames=100, blocks=blocks)
    assert score.slope("psnr_db") == pytest.approx(-10)
    assert score.slope("ssim") == pytest.approx(0)
    assert np.isnan(score.slope("distance"))
    assert score.loss_db == 4


def test_a_clip_shorter_than_two_blocks_is_refused() -> None:
    with pytest.raises(InputError, match="at least two blocks of 100 frames, got 80"):
        check_drift(still, [long_clip()])


def test_a_tiny_untrained_network_streams_a_long_clip_and_fails(tiny_checkpoint: Path) -> None:
    generate: Any = StreamGenerator(StreamEngine.load(tiny_checkpoint, device="cpu"))
    result = check_drift(generate, [long_clip()], block_frames=BLOCK)
    assert np.isfinite([block.ssim for block in result.scores[0].blocks]).all()
    assert not result.passed
    assert "of 80 frames over 1 clips" in result.section().verdict
