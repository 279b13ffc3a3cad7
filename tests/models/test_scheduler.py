import itertools

import pytest

from motionstream.errors import CheckpointError, InputError
from motionstream.models.scheduler import shift_from_json, shift_time, shift_to_json, shifted_timesteps


def test_the_students_timesteps_are_steps_0_16_and_32_of_50_at_shift_6():
    steps = shifted_timesteps(50, 6.0)
    assert [round(steps[index]) for index in (0, 16, 32)] == [1000, 927, 771]


@pytest.mark.parametrize("shift", [0.5, 1.0, 6.0])
def test_a_shift_moves_no_end_of_the_clock_and_keeps_its_order(shift):
    steps = shifted_timesteps(10, shift)
    assert shift_time(0.0, shift) == 0.0
    assert shift_time(1.0, shift) == pytest.approx(1.0)
    assert len(steps) == 10
    assert all(earlier > later > 0 for earlier, later in itertools.pairwise(steps))


def test_a_shift_of_one_changes_nothing():
    assert shifted_timesteps(4, 1.0) == pytest.approx((1000.0, 750.0, 500.0, 250.0))


def test_the_timesteps_are_those_of_diffusers_euler_scheduler():
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler.from_config(shift_to_json(6.0))
    sigmas = [1 - step / 50 for step in range(50)]
    scheduler.set_timesteps(sigmas=sigmas)
    assert shifted_timesteps(50, 6.0) == pytest.approx(scheduler.timesteps.tolist(), rel=1e-5)


def test_the_shift_survives_json_and_unipcs_name_is_read():
    assert shift_from_json(shift_to_json(5.5)) == 5.5
    assert shift_from_json({"_class_name": "UniPCMultistepScheduler", "flow_shift": 3}) == 3.0


@pytest.mark.parametrize("values", [{}, {"shift": "6"}, {"shift": 0}, {"flow_shift": -1.0}, {"shift": True}])
def test_a_scheduler_without_a_positive_shift_is_refused(values):
    with pytest.raises(CheckpointError, match="wanted a positive 'shift'"):
        shift_from_json(values)


@pytest.mark.parametrize(("steps", "shift"), [(0, 6.0), (10, 0.0)])
def test_no_steps_or_no_shift_is_refused(steps, shift):
    with pytest.raises(InputError, match="at least one step"):
        shifted_timesteps(steps, shift)
