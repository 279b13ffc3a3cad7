"""The tiny depth network: its scenes, its loss, its training and what the checkpoint can do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from motionstream_camera.depth import DepthMap, choice, estimator_called
from motionstream_camera.depth_training.examples import ExampleStore
from motionstream_camera.depth_training.measuring import score
from motionstream_camera.depth_training.network import NetworkSize, save_network
from motionstream_camera.depth_training.rendering import Example, drawn_example
from motionstream_camera.depth_training.solid import Solid, turned
from motionstream_camera.depth_training.source import clip_example, clip_maker
from motionstream_camera.depth_training.texture import make_texture
from motionstream_camera.depth_training.trainer import DepthTrainer, TrainingSettings
from motionstream_camera.train_depth import main

from motionstream.errors import CheckpointError, InputError

CHECKPOINT = Path(__file__).parents[3] / "checkpoints" / "depth-tiny"
TOY_SIZE = NetworkSize(hidden=32, layers=4, neck=(4, 4, 4, 4), fused=4, head=4, side_px=126)
TOY = TrainingSettings(steps=4, batch=2, warmup=1, seed=3, size=TOY_SIZE)
HELD_OUT_SEED = 900


def toy_store(folder, size=3):
    return ExampleStore(folder, seed=5, size=size, make_clip=None, clip_share=0)


def order_kept(told, true, rng, num_pairs=4000):
    """Share of pairs of pixels, clearly apart in depth, whose order is told as it is."""
    one, other = rng.integers(true.size, size=(2, num_pairs))
    first, second = true.ravel()[one], true.ravel()[other]
    apart = np.maximum(first, second) > 1.2 * np.minimum(first, second) + 1e-3
    same = (told.ravel()[one] > told.ravel()[other]) == (first > second)
    return same[apart].mean()


@pytest.mark.parametrize("kind", ["box", "ball", "can"])
def test_what_rays_hit_lies_on_the_solid_and_faces_them(kind):
    rng = np.random.default_rng(0)
    half = np.array([0.5, 0.8, 0.4], np.float32)
    solid = Solid(
        kind=kind, centre=np.float32([0.2, -0.1, 4]), half=half, turn=turned(0.6, 0.2), texture=make_texture(rng)
    )
    rays = np.float32(np.column_stack([rng.uniform(-0.2, 0.2, (400, 2)), np.ones(400)]))
    depth = solid.hit(np.zeros(3, np.float32), rays)
    hit = np.isfinite(depth)
    assert 40 < hit.sum() < 400
    points = rays[hit] * depth[hit][:, None]
    own = np.abs((points - solid.centre) @ solid.turn / half)
    out = {
        "box": own.max(1),
        "ball": np.linalg.norm(own, axis=1),
        "can": np.maximum(own[:, 1], np.hypot(own[:, 0], own[:, 2])),
    }[kind]
    np.testing.assert_allclose(out, 1, atol=1e-3)
    normal, _ = solid.surface(points)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-3)
    assert ((normal * rays[hit]).sum(1) < 1e-3).all()


def test_a_scene_is_the_same_for_a_seed_and_its_depth_is_not_flat():
    one, other = (drawn_example(np.random.default_rng(8), 64, 80) for _ in range(2))
    np.testing.assert_array_equal(one.picture, other.picture)
    np.testing.assert_array_equal(one.inverse, other.inverse)
    assert (one.inverse >= 0).all()
    assert one.inverse.max() > 1.15 * one.inverse.min()
    assert one.picture.std() > 5


def test_a_stored_example_comes_back_after_a_restart(tmp_path):
    first = toy_store(tmp_path)[2]
    again = toy_store(tmp_path)[2]
    np.testing.assert_array_equal(first.picture, again.picture)
    np.testing.assert_array_equal(first.inverse, again.inverse)
    assert first.inverse.max() == pytest.approx(1, abs=1e-3)


def test_clips_of_the_procedural_world_are_examples_too():
    make_clip = clip_maker("motionstream.training.world:make_clip")
    example = clip_example(make_clip, 4, 64, 80)
    assert example.picture.shape == (64, 80, 3)
    np.testing.assert_allclose(example.inverse, 1 / make_clip(4, 1, 64, 80).depth[0])


def test_clips_that_do_not_exist_are_refused():
    with pytest.raises(InputError, match="module:function"):
        clip_maker("motionstream.nothing:make_clip")


def test_the_loss_is_blind_to_scale_and_shift_but_not_to_shape():
    import torch
    from motionstream_camera.depth_training.loss import depth_loss

    true = torch.rand(2, 16, 20, generator=torch.Generator().manual_seed(0))
    told = torch.rand(2, 16, 20, generator=torch.Generator().manual_seed(1))
    loss = depth_loss(told, true)
    assert depth_loss(true * 7 + 3, true) < 1e-4
    torch.testing.assert_close(depth_loss(told * 5 - 2, true), loss)
    torch.testing.assert_close(depth_loss(told, true * 0.2 + 9), loss, rtol=1e-3, atol=1e-3)
    assert loss > 0.5
    assert depth_loss(-true, true) > 1


def test_training_that_is_resumed_gives_the_same_numbers(tmp_path):
    import torch

    store = toy_store(tmp_path)
    whole = DepthTrainer(TOY, store)
    losses = [whole.step() for _ in range(4)]
    half = DepthTrainer(TOY, store)
    assert [half.step() for _ in range(2)] == losses[:2]
    half.save(tmp_path / "state.safetensors")
    resumed = DepthTrainer(replace(TOY, seed=TOY.seed), store)
    resumed.load(tmp_path / "state.safetensors")
    assert [resumed.step() for _ in range(2)] == losses[2:]
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_training_does_not_go_on_with_other_settings(tmp_path):
    store = toy_store(tmp_path)
    trainer = DepthTrainer(TOY, store)
    trainer.step()
    trainer.save(tmp_path / "state.safetensors")
    with pytest.raises(CheckpointError, match="same settings"):
        DepthTrainer(replace(TOY, rate=0.1), store).load(tmp_path / "state.safetensors")
    longer = DepthTrainer(replace(TOY, steps=9), store)
    longer.load(tmp_path / "state.safetensors")
    assert longer.done == 1


def test_training_learns_one_scene(tmp_path):
    store = toy_store(tmp_path, size=1)
    trainer = DepthTrainer(replace(TOY, steps=40, rate=3e-3), store)
    losses = [trainer.step() for _ in range(40)]
    assert np.mean(losses[-8:]) < 0.8 * np.mean(losses[:4])


def test_what_is_trained_is_loaded_like_any_other_network(tmp_path):
    trainer = DepthTrainer(TOY, toy_store(tmp_path))
    trainer.step()
    save_network(trainer.network, TOY.size, tmp_path / "out")
    picture = np.random.default_rng(0).integers(0, 255, (96, 120, 3), np.uint8)
    depth = estimator_called(str(tmp_path / "out"), near=1, far=5).estimate(picture, 0.8)
    assert depth.values.shape == (96, 120)
    assert np.isfinite(depth.values).all()


def test_the_command_trains_goes_on_and_writes_a_folder(tmp_path, capsys):
    command = ["--run", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--examples", "2", "--batch", "1"]
    assert main([*command, "--steps", "1"]) == 0
    assert main([*command, "--steps", "2"]) == 0
    assert "Going on after step 1." in capsys.readouterr().out
    assert (tmp_path / "out" / "model.safetensors").stat().st_size < 4_000_000
    assert main([*command, "--steps", "2", "--rate", "1"]) == CheckpointError.exit_code
    assert "same settings" in capsys.readouterr().err


def test_a_score_does_not_depend_on_scale_and_shift_and_punishes_the_wrong_order():
    true = np.float32(np.random.default_rng(0).uniform(1, 6, (40, 50)))
    scaled = DepthMap(values=1 / (0.3 / true + 0.02), metric=False)
    exact = score(scaled, true)
    assert (exact.abs_rel, exact.within) == pytest.approx((0, 1), abs=1e-3)
    constant = score(DepthMap(values=np.ones_like(true), metric=False), true)
    turned_round = score(DepthMap(values=1 / (1.2 - 1 / true), metric=False), true)
    assert turned_round.abs_rel == pytest.approx(constant.abs_rel)
    assert constant.abs_rel > 0.2


def test_without_its_folder_the_tiny_network_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "_CHECKPOINTS", tmp_path)
    with pytest.raises(CheckpointError, match="depth=floor"):
        estimator_called("depth-tiny")


@pytest.fixture(scope="module")
def tiny():
    if not (CHECKPOINT / "model.safetensors").is_file():
        pytest.skip(f"no {CHECKPOINT}")
    return estimator_called("depth-tiny", near=1, far=8)


@pytest.mark.parametrize("shape", [(48, 64), (300, 170), (126, 500)])
def test_the_checkpoint_tells_finite_depth_of_the_pictures_size(tiny, shape):
    picture = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    depth = tiny.estimate(picture, shape[0] / shape[1])
    assert depth.values.shape == shape
    assert np.isfinite(depth.values).all()
    assert not depth.metric


def test_the_checkpoint_orders_near_and_far_on_scenes_it_was_not_trained_on(tiny):
    kept = []
    for number in range(12):
        rng = np.random.default_rng((HELD_OUT_SEED, number))
        example: Example = drawn_example(rng, 152, 200)
        kept.append(order_kept(1 / tiny.estimate(example.picture, 0.76).values, example.inverse, rng))
    assert np.mean(kept) > 0.75
