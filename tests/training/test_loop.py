import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from motionstream.training.loop import LoopSettings, Run

SETTINGS = LoopSettings(
    steps=12, learning_rate=1e-2, warmup_steps=3, weight_decay=0.01, autocast=False, log_every=1, save_every=5
)


class PowerCutError(Exception):
    pass


def new_run(folder: Path, settings: LoopSettings = SETTINGS) -> Run:
    torch.manual_seed(7)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    return Run(model, settings, folder, seed=3)


def batches(start: int, cut_at: int | None = None) -> Iterator[Tensor]:
    """One batch a step, of the step alone, until the power is cut."""
    for step in range(start, 1000):
        if step == cut_at:
            raise PowerCutError
        yield torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(step))


def loss(model: nn.Module, batch: Any, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
    noisy = batch + 0.1 * torch.randn(batch.shape, generator=generator)
    error = (model(noisy) - batch[:, :2, 1:-1, 1:-1]).square().mean()
    return error, {"root": float(error.detach().sqrt())}


def curve(folder: Path) -> list[dict[str, str]]:
    with (folder / "curve.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds_per_step"} for row in csv.DictReader(file)]


def assert_same_state(ours: Any, theirs: Any) -> None:
    """Compares nested dicts and lists of tensors to the bit."""
    if isinstance(ours, Tensor):
        assert torch.equal(ours, theirs)
    elif isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            assert_same_state(ours[key], theirs[key])
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same_state(a, b)
    else:
        assert ours == theirs


@pytest.mark.parametrize("cut_at", [5, 7, 11])
def test_a_run_that_was_cut_ends_where_an_uninterrupted_one_does_to_the_bit(tmp_path: Path, cut_at: int) -> None:
    whole = new_run(tmp_path / "whole")
    whole.fit(batches(0), loss)
    with pytest.raises(PowerCutError):
        new_run(tmp_path / "cut").fit(batches(0, cut_at), loss)
    resumed = new_run(tmp_path / "cut")
    assert resumed.resume()
    assert resumed.step == cut_at // 5 * 5
    resumed.fit(batches(resumed.step), loss)
    assert_same_state(resumed.model.state_dict(), whole.model.state_dict())
    assert_same_state(resumed.average, whole.average)
    assert_same_state(resumed.optimizer.state_dict(), whole.optimizer.state_dict())
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")


def test_a_new_folder_has_nothing_to_resume(tmp_path: Path) -> None:
    run = new_run(tmp_path / "deep" / "folder")
    assert not run.resume()
    assert run.step == 0


def test_a_finished_run_that_is_resumed_trains_no_further(tmp_path: Path) -> None:
    new_run(tmp_path).fit(batches(0), loss)
    resumed = new_run(tmp_path)
    assert resumed.resume()
    resumed.fit(batches(0, cut_at=0), loss)
    assert resumed.step == 12


def test_no_half_written_state_is_ever_in_the_place_of_a_whole_one(tmp_path: Path, monkeypatch: Any) -> None:
    run = new_run(tmp_path)
    run.fit(batches(0), loss)
    saved = run.state_file.read_bytes()

    def full_disk(state: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        run.save()
    assert run.state_file.read_bytes() == saved


def test_the_rate_warms_up_stays_and_cools_down_to_almost_nothing() -> None:
    settings = LoopSettings(steps=1000, learning_rate=2.0, warmup_steps=100, cooldown_share=0.25)
    rates = [settings.rate(step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[99:750] == [2.0] * 651
    assert rates[875] == pytest.approx(1.0)
    assert 0 < rates[999] < 0.01
    assert settings.rate(1000) == 0


def test_a_longer_run_has_the_same_rates_until_the_shorter_one_cools_down() -> None:
    short, long = (LoopSettings(steps=n, warmup_steps=10) for n in (100, 200))
    assert [short.rate(s) for s in range(75)] == [long.rate(s) for s in range(75)]
    assert short.rate(80) < long.rate(80)


def test_the_optimiser_follows_the_rate(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.fit(batches(0), loss)
    assert run.optimizer.param_groups[0]["lr"] == SETTINGS.rate(11)


def test_the_average_is_the_exponential_one_of_the_weights_after_each_step(tmp_path: Path) -> None:
    settings = LoopSettings(steps=40, learning_rate=1e-2, ema_decay=0.8, autocast=False)
    run, name = new_run(tmp_path, settings), "3.weight"
    wanted = run.model.state_dict()[name].clone()
    seen: list[Tensor] = []

    def watched(model: nn.Module, batch: Any, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        seen.append(model.state_dict()[name].clone())
        return loss(model, batch, generator)

    run.fit(batches(0), watched)
    for step, weight in enumerate([*seen[1:], run.model.state_dict()[name]]):
        decay = min(0.8, (step + 1) / (step + 10))  # a young average forgets its random start fast
        wanted = decay * wanted + (1 - decay) * weight
    torch.testing.assert_close(run.average[name], wanted)
    assert not torch.allclose(run.average[name], run.model.state_dict()[name], atol=1e-4)


def test_the_averaged_state_keeps_the_buffers_and_loads_into_the_model(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.fit(batches(0), loss)
    state = run.averaged_state()
    assert torch.equal(state["0.weight"], run.average["0.weight"])
    assert torch.equal(state["1.running_mean"], run.model.state_dict()["1.running_mean"])
    run.model.load_state_dict(state)


def test_the_gradient_is_clipped(tmp_path: Path) -> None:
    settings = LoopSettings(steps=1, learning_rate=1e-3, clip_norm=0.5, warmup_steps=1, autocast=False)
    run = new_run(tmp_path, settings)
    norms: list[float] = []
    step = run.optimizer.step

    def watched(*args: Any) -> Any:
        norms.append(float(torch.stack([p.grad.norm() for p in run.model.parameters() if p.grad is not None]).norm()))
        return step(*args)

    run.optimizer.step = watched  # type: ignore[method-assign]
    run.fit(batches(0), lambda model, batch, generator: (1000 * loss(model, batch, generator)[0], {}))
    assert norms == [pytest.approx(0.5, rel=1e-4)]
    assert float(curve(tmp_path)[0]["gradient_norm"]) > 1


def test_logged_numbers_are_means_over_the_steps_between(tmp_path: Path) -> None:
    each = new_run(tmp_path / "each")
    each.fit(batches(0), loss)
    settings = LoopSettings(**{**vars(SETTINGS), "log_every": 4})
    new_run(tmp_path / "some", settings).fit(batches(0), loss)
    losses = [float(row["loss"]) for row in curve(tmp_path / "each")]
    some = curve(tmp_path / "some")
    assert [row["step"] for row in some] == ["4", "8", "12"]
    wanted = [sum(losses[i : i + 4]) / 4 for i in (0, 4, 8)]
    assert [float(row["loss"]) for row in some] == [pytest.approx(value, rel=1e-4) for value in wanted]
