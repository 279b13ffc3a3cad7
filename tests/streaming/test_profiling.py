"""Sums over many chunks: medians with their spread, and trends that are found where they are and only there."""

import numpy as np
import pytest

from motionstream.streaming.profiling import Spread, StageTimes, Trend, stage_spreads


def test_the_spread_is_the_median_between_two_percentiles() -> None:
    spread = Spread.of([float(value) for value in range(101)])
    assert (spread.median_ms, spread.low_ms, spread.high_ms) == (50, 10, 90)


def test_every_stage_and_the_total_get_a_spread() -> None:
    times = [
        StageTimes(tracks_ms=1, denoise_ms=10.0 * n, decode_ms=3, cache_write_ms=4, frames_ms=4 + 10.0 * n)
        for n in (1, 2, 3)
    ]
    spreads = stage_spreads(times)
    assert {stage: spread.median_ms for stage, spread in spreads.items()} == {
        "tracks": 1,
        "denoise": 20,
        "decode": 3,
        "cache_write": 4,
        "frames": 24,
        "total": 28,
    }


def noisy(num_chunks: int, slope_ms: float, seed: int) -> list[float]:
    """Times around 200 ms with spikes, as a busy machine has them; slope in ms per 1,000 chunks."""
    rng = np.random.default_rng(seed)
    spikes = rng.random(num_chunks) < 0.05
    chunks = np.arange(num_chunks)
    return list(
        200 + slope_ms * chunks / 1000 + rng.normal(0, 4, num_chunks) + spikes * rng.exponential(200, num_chunks)
    )


def test_times_without_a_trend_are_called_flat_about_95_times_in_100() -> None:
    flat = [trend.is_flat for seed in range(200) if (trend := Trend.of(noisy(1000, 0, seed)))]
    assert len(flat) == 200
    assert 0.9 <= np.mean(flat) <= 0.99


@pytest.mark.parametrize("slope_ms", [10.0, -10.0])
def test_a_trend_is_found_with_its_size(slope_ms: float) -> None:
    trend = Trend.of(noisy(1000, slope_ms, 1))
    assert trend is not None
    assert not trend.is_flat
    assert trend.low_ms < slope_ms < trend.high_ms
    assert trend.high_ms - trend.low_ms < 5


def test_too_few_chunks_have_no_trend() -> None:
    assert Trend.of([1.0] * 39) is None
    assert Trend.of([1.0] * 40) is not None
