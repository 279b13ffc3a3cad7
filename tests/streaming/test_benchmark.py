"""The trend of a benchmark: a stream's own, not the machine's."""

import numpy as np
import pytest

from motionstream.streaming.benchmark import _at_one_speed
from motionstream.streaming.profiling import Trend


def trend(times: np.ndarray, machine: np.ndarray) -> Trend:
    found = Trend.of(_at_one_speed(times.tolist(), machine.tolist()))
    assert found is not None
    return found


def test_a_machine_that_slows_down_is_no_trend_of_the_stream() -> None:
    draw = np.random.default_rng(0)
    slower = 1 + 0.4 * (np.arange(1000) > 600)
    times, machine = (100 * slower * draw.normal(1, 0.02, 1000) for _ in range(2))
    assert abs(trend(times, machine).slope_ms) < 5
    found = Trend.of(times.tolist())
    assert found is not None
    assert found.slope_ms > 30


def test_a_stream_that_slows_down_is_one_on_whatever_machine() -> None:
    draw = np.random.default_rng(1)
    speed = 1 + 0.3 * np.sin(np.arange(1000) / 150)
    times = (100 + 0.05 * np.arange(1000)) * speed * draw.normal(1, 0.02, 1000)
    found = trend(times, 100 * speed * draw.normal(1, 0.02, 1000))
    assert not found.is_flat
    assert found.slope_ms == pytest.approx(50, rel=0.2)
