"""The losses and the steps of the autoencoders' stages, with and without a discriminator."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from motionstream.errors import InputError
from motionstream.models.vae.tiny import TinyVAE
from motionstream.training.crops import CropSettings
from motionstream.training.loop import LoopSettings, Run
from motionstream.training.patch_gan import DISCRIMINATOR
from motionstream.training.picture_stage import PictureStage, train_pictures
from motionstream.training.picture_training import Attempt, PictureSettings, PictureTraining, psnr
from motionstream.training.tiny_vae import TinyVAESettings, rebuilt, start_weights

CROPS = TinyVAESettings(batch=2, crop=32, num_frames=5, side=32)
ADVERSARIAL = PictureSettings(
    adversarial_weight=0.5, discriminator_start=2, discriminator_lead=2, discriminator_width=4, discriminator_rate=1e-3
)
LOOP = LoopSettings(steps=6, learning_rate=1e-3, warmup_steps=1, autocast=False, log_every=1, save_every=1)


@pytest.fixture
def stage(small_vae: TinyVAE) -> PictureStage:
    def start(vae: TinyVAE) -> None:
        start_weights(vae, torch.rand(4, 4, 3, 32, 32))

    return PictureStage(
        config=small_vae.config, start=start, attempt=rebuilt(CROPS), crops=CROPS, pictures=ADVERSARIAL, loop=LOOP
    )


def fixed(made: Tensor, wanted: Tensor) -> Any:
    """What makes the same video of every batch, times a weight that can be trained."""

    def attempt(model: nn.Module, batch: Any, generator: torch.Generator) -> Attempt:
        (scale,) = model.parameters()
        rest = 0.25 * scale.square().sum()
        return Attempt(made=scale * made, wanted=wanted, real=wanted, rest=rest, numbers={"told": torch.tensor(3.0)})

    return attempt


def one() -> nn.Module:
    module = nn.Linear(1, 1, bias=False)
    nn.init.ones_(module.weight)
    return module


def loss_of(settings: PictureSettings, made: Tensor, wanted: Tensor, distance: Any = None) -> tuple[Tensor, Any]:
    return PictureTraining(fixed(made, wanted), settings, distance).loss()(one(), None, torch.Generator())


def test_the_loss_is_the_sum_of_its_parts_and_says_them() -> None:
    made, wanted = torch.rand(2, 1, 5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    plain, _ = loss_of(PictureSettings(feature_weight=0), made, wanted)
    whole, numbers = loss_of(PictureSettings(feature_weight=0.5), made, wanted, lambda a, b: (a - b).square().mean())
    parts = 0.5 * numbers["feature"] + (made - wanted).square().mean()
    assert whole.item() == pytest.approx((plain + parts).item())
    same, _ = loss_of(PictureSettings(), wanted, wanted)
    assert same.item() == pytest.approx(0.25, abs=1e-5)  # what is asked of something else than the picture
    assert float(numbers["told"]) == 3
    assert float(psnr(made, wanted)) == float(numbers["psnr"])


def test_values_that_cannot_be_shown_do_not_count_as_errors_of_what_is_shown() -> None:
    made, wanted = torch.full((1, 1, 3, 2, 2), 1.5), torch.full((1, 1, 3, 2, 2), 0.9)
    assert psnr(made, wanted).item() == pytest.approx(20, abs=1e-3)


def test_the_discriminator_starts_late_and_is_listened_to_later_still(stage: PictureStage, tmp_path: Path) -> None:
    run = train_pictures(tmp_path, stage)
    assert (run.trainee.updates, run.beside[DISCRIMINATOR].updates) == (6, 4)
    with (tmp_path / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["discriminator_loss"]) for row in rows] == [False, False, True, True, True, True]
    assert [bool(row["verdict"]) for row in rows] == [False, False, False, False, True, True]
    assert all(row["feature"] and row["psnr"] and row["latent_std"] for row in rows)
    assert rows[-1]["discriminator_rate"]


def test_the_discriminator_moves_the_autoencoder_only_when_it_is_listened_to(
    stage: PictureStage, tmp_path: Path
) -> None:
    alone = replace(stage, pictures=replace(ADVERSARIAL, adversarial_weight=0.0))
    ends = {}
    for steps in (4, 5):
        loop = replace(LOOP, steps=steps, cooldown_share=0.0)
        pair = [
            train_pictures(tmp_path / f"{name}{steps}", replace(kind, loop=loop)).model.state_dict()
            for name, kind in (("alone", alone), ("judged", stage))
        ]
        ends[steps] = all(torch.equal(pair[0][name], pair[1][name]) for name in pair[0])
    assert ends == {4: True, 5: False}


def test_a_run_with_a_discriminator_that_is_interrupted_ends_as_if_it_had_not_been(
    stage: PictureStage, tmp_path: Path
) -> None:
    whole = train_pictures(tmp_path / "whole", stage)
    for stop in (3, 5):
        with pytest.raises(KeyboardInterrupt):
            train_pictures(tmp_path / "parts", replace(stage, attempt=interrupted(stage, CROPS, stop)))
    parts = train_pictures(tmp_path / "parts", stage)
    assert parts.step == whole.step == 6
    for ours, theirs in (
        (parts.trainee.state(), whole.trainee.state()),
        (parts.beside[DISCRIMINATOR].state(), whole.beside[DISCRIMINATOR].state()),
    ):
        for kind in ("model", "average"):
            assert all(torch.equal(tensor, theirs[kind][name]) for name, tensor in ours[kind].items())
    curves = [read_curve(tmp_path / name / "curve.csv") for name in ("whole", "parts")]
    assert curves[0] == curves[1]


def interrupted(stage: PictureStage, settings: CropSettings, stop: int) -> Any:
    """The stage's attempt, that is stopped in the middle of a step."""
    calls = iter(range(100))
    begun = {3: 0, 5: 3}[stop]

    def attempt(model: nn.Module, batch: Any, generator: torch.Generator) -> Attempt:
        if begun + next(calls) == stop:
            raise KeyboardInterrupt
        return stage.attempt(model, batch, generator)

    return attempt


def read_curve(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in ("seconds_per_step", "peak_memory_gib")} for row in rows]


def test_a_discriminator_that_an_older_state_lacks_is_missed(stage: PictureStage, tmp_path: Path) -> None:
    alone = replace(stage, pictures=PictureSettings(), loop=replace(LOOP, steps=1))
    train_pictures(tmp_path, alone)
    with pytest.raises(InputError, match="wanted discriminator in it"):
        train_pictures(tmp_path, stage)


def test_the_pull_makes_what_is_made_more_like_what_is_real(tmp_path: Path) -> None:
    """Grey is wanted and made, but what is real is bright."""

    class Free(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.video = nn.Parameter(torch.full((2, 3, 3, 32, 32), 0.5))

    real = torch.full((2, 3, 3, 32, 32), 0.9)

    def attempt(model: nn.Module, batch: Any, generator: torch.Generator) -> Attempt:
        assert isinstance(model, Free)
        made = model.video + 0.02 * torch.randn(model.video.shape, generator=generator)
        return Attempt(made=made, wanted=torch.full_like(real, 0.5), real=real, rest=torch.zeros(()), numbers={})

    settings = replace(ADVERSARIAL, adversarial_weight=5.0, discriminator_start=0, discriminator_width=8)
    training = PictureTraining(attempt, settings)
    loop = LoopSettings(steps=24, learning_rate=0.02, warmup_steps=1, autocast=False)
    run = Run(Free(), loop, tmp_path, 0, training.beside(0, "cpu"))
    assert isinstance(run.model, Free)

    def nothing() -> Iterator[None]:
        while True:
            yield None

    run.fit_steps(nothing(), training.step)
    assert run.model.video.mean().item() > 0.55
