import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from motionstream.errors import InputError
from motionstream.training.journal import Numbers
from motionstream.training.loop import LoopSettings, Run, Trainee, Watch
from motionstream.training.trainee import TraineeSettings

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
    """The rows without what is measured of the machine."""
    measured = ("seconds_per_step", "peak_memory_gib")
    with (folder / "curve.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in measured} for row in csv.DictReader(file)]


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
    assert_same_state(resumed.trainee.average, whole.trainee.average)
    assert_same_state(resumed.trainee.optimizer.state_dict(), whole.trainee.optimizer.state_dict())
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
    assert run.trainee.optimizer.param_groups[0]["lr"] == SETTINGS.rate(11)


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
    torch.testing.assert_close(run.trainee.average[name], wanted)
    assert not torch.allclose(run.trainee.average[name], run.model.state_dict()[name], atol=1e-4)


def test_the_averaged_state_keeps_the_buffers_and_loads_into_the_model(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.fit(batches(0), loss)
    state = run.averaged_state()
    assert torch.equal(state["0.weight"], run.trainee.average["0.weight"])
    assert torch.equal(state["1.running_mean"], run.model.state_dict()["1.running_mean"])
    run.model.load_state_dict(state)


def test_the_gradient_is_clipped(tmp_path: Path) -> None:
    settings = LoopSettings(steps=1, learning_rate=1e-3, clip_norm=0.5, warmup_steps=1, autocast=False)
    run = new_run(tmp_path, settings)
    norms: list[float] = []
    step = run.trainee.optimizer.step

    def watched(*args: Any) -> Any:
        norms.append(float(torch.stack([p.grad.norm() for p in run.model.parameters() if p.grad is not None]).norm()))
        return step(*args)

    run.trainee.optimizer.step = watched  # type: ignore[method-assign]
    run.fit(batches(0), lambda model, batch, generator: (1000 * loss(model, batch, generator)[0], {}))
    assert norms == [pytest.approx(0.5, rel=1e-4)]
    assert float(curve(tmp_path)[0]["gradient_norm"]) > 1


def test_logged_numbers_are_means_over_the_steps_between(tmp_path: Path) -> None:
    each = new_run(tmp_path / "each")
    each.fit(batches(0), loss)
    new_run(tmp_path / "some", replace(SETTINGS, log_every=4)).fit(batches(0), loss)
    losses = [float(row["loss"]) for row in curve(tmp_path / "each")]
    some = curve(tmp_path / "some")
    assert [row["step"] for row in some] == ["4", "8", "12"]
    wanted = [sum(losses[i : i + 4]) / 4 for i in (0, 4, 8)]
    assert [float(row["loss"]) for row in some] == [pytest.approx(value, rel=1e-4) for value in wanted]


def test_a_row_is_the_mean_over_its_steps_even_if_the_run_was_cut_between(tmp_path: Path) -> None:
    settings = replace(SETTINGS, log_every=4)
    new_run(tmp_path / "whole", settings).fit(batches(0), loss)
    with pytest.raises(PowerCutError):
        new_run(tmp_path / "cut", settings).fit(batches(0, cut_at=7), loss)
    resumed = new_run(tmp_path / "cut", settings)
    resumed.resume()
    assert resumed.step == 5
    resumed.fit(batches(resumed.num_batches), loss)
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")


def test_a_state_of_before_several_trainees_can_be_resumed(tmp_path: Path) -> None:
    whole, old = new_run(tmp_path / "whole"), new_run(tmp_path / "old")
    whole.fit(batches(0), loss)
    with pytest.raises(PowerCutError):
        old.fit(batches(0, cut_at=7), loss)
    state = torch.load(old.state_file, weights_only=True)
    torch.save({key: state[key] for key in ("model", "optimizer", "average", "generator", "step")}, old.state_file)
    resumed = new_run(tmp_path / "old")
    assert resumed.resume()
    resumed.fit(batches(resumed.num_batches), loss)
    assert_same_state(resumed.averaged_state(), whole.averaged_state())


def smooth_run(folder: Path, accumulate: int) -> Run:
    torch.manual_seed(7)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Conv2d(4, 2, 1))
    return Run(model, replace(SETTINGS, accumulate=accumulate, weight_decay=0.0), folder)


def plain(model: nn.Module, batch: Any, generator: torch.Generator) -> tuple[Tensor, Numbers]:
    error = (model(batch) - batch[:, :2, 1:-1, 1:-1]).square().mean()
    return error, {"root": error.sqrt()}


def test_small_batches_whose_gradients_are_accumulated_train_as_a_large_one(tmp_path: Path) -> None:
    parts, large = smooth_run(tmp_path / "parts", 2), smooth_run(tmp_path / "large", 1)
    small = batches(0)
    parts.fit(batches(0), plain)
    large.fit((torch.cat([next(small), next(small)]) for _ in range(12)), plain)
    assert (parts.num_batches, large.num_batches) == (24, 12)
    for ours, theirs in zip(curve(tmp_path / "parts"), curve(tmp_path / "large"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), rel=1e-5)
        assert float(ours["gradient_norm"]) == pytest.approx(float(theirs["gradient_norm"]), rel=1e-4)
    for name, weight in parts.model.state_dict().items():
        torch.testing.assert_close(weight, large.model.state_dict()[name], atol=1e-5, rtol=1e-4)


def test_a_run_that_accumulates_goes_on_at_the_batch_where_it_was_cut(tmp_path: Path) -> None:
    whole, cut = smooth_run(tmp_path / "whole", 3), smooth_run(tmp_path / "cut", 3)
    whole.fit(batches(0), plain)
    with pytest.raises(PowerCutError):
        cut.fit(batches(0, cut_at=25), plain)
    resumed = smooth_run(tmp_path / "cut", 3)
    resumed.resume()
    assert (resumed.step, resumed.num_batches) == (5, 15)
    resumed.fit(batches(resumed.num_batches), plain)
    assert_same_state(resumed.model.state_dict(), whole.model.state_dict())


def rivals(folder: Path) -> Run:
    """A student with a critic that has a rate, an average and a norm of its own."""
    torch.manual_seed(7)
    critic = Trainee(nn.Linear(6, 6), TraineeSettings(learning_rate=1e-3, ema_decay=0.5, clip_norm=0.1))
    student = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.SiLU())
    return Run(student, replace(SETTINGS, log_every=2), folder, seed=3, beside={"critic": critic})


def five_to_one(run: Run, more: Iterator[Any]) -> Numbers:
    """Five updates of the critic, then one of the student against it."""
    critic = run.beside["critic"].module

    def follows(model: nn.Module, batch: Any, generator: torch.Generator) -> tuple[Tensor, Numbers]:
        with torch.no_grad():
            made = run.model(batch + torch.randn(batch.shape, generator=generator))
        return (model(made) - made).square().mean(), {}

    def leads(model: nn.Module, batch: Any, generator: torch.Generator) -> tuple[Tensor, Numbers]:
        made = model(batch)
        with torch.no_grad():
            score = critic(made)
        return (score * made).mean() + (made - batch).square().mean(), {}

    scores = [run.update(more, follows, "critic") for _ in range(5)]
    return {**scores[-1], **run.update(more, leads)}


def test_a_student_and_its_critic_are_updated_each_by_its_own_rate_and_count(tmp_path: Path) -> None:
    run = rivals(tmp_path)
    run.fit_steps(batches(0), five_to_one)
    critic = run.beside["critic"]
    assert (run.step, run.trainee.updates, critic.updates, run.num_batches) == (12, 12, 60, 72)
    assert critic.optimizer.param_groups[0]["lr"] == pytest.approx(SETTINGS.rate(11) / 10)
    rows = curve(tmp_path)
    assert float(rows[0]["critic_rate"]) == pytest.approx(float(rows[0]["rate"]) / 10)
    assert {"loss", "gradient_norm", "critic_loss", "critic_gradient_norm"} < rows[0].keys()


def test_a_student_and_its_critic_resume_to_the_bit(tmp_path: Path) -> None:
    whole = rivals(tmp_path / "whole")
    whole.fit_steps(batches(0), five_to_one)
    with pytest.raises(PowerCutError):
        rivals(tmp_path / "cut").fit_steps(batches(0, cut_at=44), five_to_one)  # between two updates of the critic
    resumed = rivals(tmp_path / "cut")
    assert resumed.resume()
    resumed.fit_steps(batches(resumed.num_batches), five_to_one)
    assert_same_state(resumed.trainee.state(), whole.trainee.state())
    assert_same_state(resumed.beside["critic"].state(), whole.beside["critic"].state())
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")


def test_a_state_without_one_of_the_trainees_is_refused(tmp_path: Path) -> None:
    new_run(tmp_path).fit(batches(0), loss)
    with pytest.raises(InputError, match=r"state\.pt: wanted critic in it"):
        rivals(tmp_path).resume()


def test_who_watches_hears_where_a_resumed_run_begins(tmp_path: Path) -> None:
    with pytest.raises(PowerCutError):
        new_run(tmp_path).fit(batches(0, cut_at=10), loss)
    resumed, seen, shown = new_run(tmp_path), list[int](), list[int]()
    resumed.resume()
    watch = Watch(say=lambda _: None, stepped=seen.append, preview=lambda run: shown.append(run.step), preview_every=11)
    resumed.fit(batches(10), loss, watch)
    assert seen == [10, 11, 12]
    assert shown == [11, 12]
