"""Bootstrap intervals hold what they promise."""

import numpy as np
import pytest

from motionstream.evaluation.interval import bootstrap_interval


def test_the_interval_is_as_wide_as_the_normal_one_for_many_normal_values() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400).tolist()
    interval = bootstrap_interval(values)
    assert interval.mean == pytest.approx(np.mean(values))
    half = 1.96 * np.std(values) / 20
    assert interval.low == pytest.approx(interval.mean - half, abs=0.03)
    assert interval.high == pytest.approx(interval.mean + half, abs=0.03)


def test_it_holds_the_true_mean_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    intervals = [bootstrap_interval(draw.exponential(1, 60).tolist(), num_resamples=300) for _ in range(200)]
    share = np.mean([interval.low <= 1 <= interval.high for interval in intervals])
    assert 0.86 < share < 0.99


def test_values_that_could_not_be_measured_are_left_out() -> None:
    interval = bootstrap_interval([1.0, float("nan"), 3.0])
    assert (interval.mean, interval.count) == (2.0, 2)
    assert str(bootstrap_interval([2.0])) == "2.00 [2.00, 2.00]"
    assert np.isnan(bootstrap_interval([]).mean)


def test_the_same_values_give_the_same_interval() -> None:
    assert bootstrap_interval([1.0, 2.0, 5.0]) == bootstrap_interval([1.0, 2.0, 5.0])
