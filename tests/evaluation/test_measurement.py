"""Measurements of models of known goodness, and the summaries of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionstream.errors import InputError, OutputError
from motionstream.evaluation.baselines import still
from motionstream.evaluation.comparison import markdown
from motionstream.evaluation.generation import AtSize
from motionstream.evaluation.measurement import ClipRecord, Measured, NamedClip, measure_clips
from motionstream.evaluation.motion import hidden_share
from motionstream.evaluation.result_folder import ResultFolder
from motionstream.evaluation.retracker import LucasKanade
from motionstream.evaluation.side_by_side import FOUND, side_by_side
from motionstream.evaluation.summary import Row, Summary, generation_fps, measured_on, with_occlusion
from motionstream.streaming.overlay import LIVE
from motionstream.streaming.video_file import read_video
from motionstream.tracks import Tracks

START = (64.0, 56.0)
NUM_FRAMES = 9
Render = Callable[..., np.ndarray]


@dataclass(frozen=True)
class PatchClip:
    frames: np.ndarray
    tracks: Tracks
    caption: str = "a square"


def patch_clip(render: Render, vector: tuple[float, float]) -> PatchClip:
    """A square that moves over a lattice of points and covers some."""
    path = np.linspace(0, 1, NUM_FRAMES)[:, None] * vector
    x, y = np.meshgrid(np.arange(8, 128, 8.0), np.arange(8, 128, 8.0))
    start = np.stack([x.ravel(), y.ravel()], axis=-1)
    on_patch = (np.abs(start - START) <= 14).all(axis=-1)
    covered = (np.abs(start - START - path[:, None]) <= 14).all(axis=-1) & ~on_patch
    xy = (start + path[:, None] * on_patch[:, None]) / 128
    return PatchClip(render(path, START), Tracks(ids=np.arange(len(start)), xy=xy, visible=~covered))


def named(clip: PatchClip, name: str = "square") -> NamedClip:
    return NamedClip(name=name, source="test", clip=clip)


def measure(generate: Any, clips: list[NamedClip], **more: Any) -> list[Measured]:
    return list(measure_clips(generate, clips, LucasKanade(), told_points=None, **more))


def summary(records: list[ClipRecord], name: str, **data: Any) -> Summary:
    occluded = with_occlusion(records)
    return Summary(
        name=name,
        model={"model": name},
        data=measured_on(records, {"num_frames": NUM_FRAMES, **data}),
        all_clips=Row.of(records),
        occlusion=Row.of(occluded) if occluded else None,
        fps=generation_fps(records),
        skipped=(),
        circumstances={"device": "cpu"},
    )


def test_the_true_clip_itself_is_measured_as_perfect_and_a_still_one_as_what_it_is(
    patch_over_background: Render,
) -> None:
    clip = patch_clip(patch_over_background, (20.0, 0.0))
    perfect, idle = (measure(generate, [named(clip)])[0].record for generate in (lambda *_: clip.frames, still))
    assert (perfect.figures.psnr_db, perfect.figures.perceptual) == (100, 0)
    assert perfect.figures.ssim == pytest.approx(1)
    motion = perfect.figures.motion
    assert motion.epe_px == motion.floor_epe_px < 0.3
    assert motion.tracked > 0.85
    assert idle.figures.psnr_db < 40
    assert idle.figures.perceptual > 0.02
    assert idle.figures.motion.moving_epe_px == pytest.approx(20 * np.arange(1, 9).mean() / 8, abs=0.2)
    assert idle.num_told == 225
    assert 0 < idle.num_measured <= 225


def test_points_lost_in_a_spoilt_picture_count_where_they_were_seen_last(patch_over_background: Render) -> None:
    clip = patch_clip(patch_over_background, (20.0, 0.0))
    spoilt = clip.frames.copy()
    spoilt[1:] = np.random.default_rng(0).integers(0, 256, spoilt[1:].shape, dtype=np.uint8)
    motion = measure(lambda *_: spoilt, [named(clip)])[0].record.figures.motion
    stood = measure(still, [named(clip)])[0].record.figures.motion
    assert motion.tracked < 0.05
    assert motion.lost_epe_px == pytest.approx(stood.lost_epe_px, rel=0.1)


def test_every_clip_has_its_own_seed_and_the_told_points_are_drawn_by_it(patch_over_background: Render) -> None:
    told: list[tuple[int, Tracks]] = []

    def listening(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        assert prompt == "a square"
        told.append((seed, tracks))
        return still(image, tracks, prompt, seed)

    clip = patch_clip(patch_over_background, (8.0, 0.0))
    clips = [named(clip), named(clip)]
    records = [one.record for one in measure_clips(listening, clips, LucasKanade(), told_points=50, seed=3)]
    assert [seed for seed, _ in told] == [record.seed for record in records] == [3, 4]
    assert [tracks.num_points for _, tracks in told] == [50, 50]
    assert told[0][1] != told[1][1]


def test_hidden_points_are_those_inside_the_picture_that_are_seen_at_another_time() -> None:
    xy = np.full((3, 4, 2), 0.5)
    xy[2, 1] = 1.5  # leaves
    visible = np.array([[1, 1, 0, 1], [0, 1, 0, 1], [1, 0, 0, 1]], bool)  # the third one is never seen
    assert hidden_share(Tracks(ids=np.arange(4), xy=xy, visible=visible)) == 0.25
    assert hidden_share(Tracks.empty(3)) == 0


def test_the_occlusion_row_is_over_the_clips_in_which_something_is_covered(patch_over_background: Render) -> None:
    covering, resting = (patch_clip(patch_over_background, vector) for vector in ((20.0, 0.0), (0.0, 0.0)))
    records = [one.record for one in measure(still, [named(covering, "covering"), named(resting, "resting")])]
    assert records[0].hidden > 0.02
    assert records[1].hidden == 0
    result = summary(records, "still")
    assert (result.all_clips.clips, result.occlusion and result.occlusion.clips) == (2, 1)
    assert result.occlusion is not None
    assert result.occlusion.figures["psnr_db"].mean == records[0].figures.psnr_db
    psnr = result.all_clips.figures["psnr_db"]
    values = [record.figures.psnr_db for record in records]
    assert psnr.mean == pytest.approx(np.mean(values))
    assert psnr.median == pytest.approx(np.median(values))
    assert psnr.low < psnr.mean < psnr.high
    # nothing moves in one of them: its moving points could not be measured
    assert result.all_clips.figures["moving_epe_px"].count == 1


def test_frames_per_second_leave_the_first_clip_out(patch_over_background: Render) -> None:
    record = measure(still, [named(patch_clip(patch_over_background, (0.0, 0.0)))])[0].record
    records = [replace(record, seconds=seconds) for seconds in (100.0, 1.0, 2.0)]
    assert generation_fps(records) == pytest.approx(2 * NUM_FRAMES / 3)
    assert np.isnan(generation_fps(records[:1]))


def test_a_summary_is_read_as_it_was_written(tmp_path: Path, patch_over_background: Render) -> None:
    measured = measure(still, [named(patch_clip(patch_over_background, (0.0, 0.0)))])
    folder = ResultFolder(tmp_path / "out", fps=16, scale=2)
    for one in measured:
        folder.add(one)
    written = summary([one.record for one in measured], "still")
    folder.finish(written)
    read = Summary.load(tmp_path / "out")
    assert markdown([read]) == markdown([written])
    assert read.occlusion is None
    assert np.isnan(read.fps)
    clip = json.loads((tmp_path / "out" / "clips" / "000.json").read_text())
    assert clip["name"] == "square"
    assert clip["figures"]["motion"]["moving_epe_px"] is None
    assert read_video(tmp_path / "out" / "videos" / "000.mp4").shape == (NUM_FRAMES, 256, 3 * 256 + 8, 3)


def test_results_are_not_mixed_with_older_ones(tmp_path: Path) -> None:
    ResultFolder(tmp_path / "out", fps=16, scale=1)
    with pytest.raises(InputError, match="wanted a folder without results"):
        ResultFolder(tmp_path / "out", fps=16, scale=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not"):
        ResultFolder(tmp_path / "file", fps=16, scale=1)


def test_side_by_side_shows_true_made_and_tracks(patch_over_background: Render) -> None:
    clip = patch_clip(patch_over_background, (20.0, 0.0))
    (one,) = measure(still, [named(clip)])
    true, made, marked = np.split(side_by_side(one, 1)[:, :, : 3 * 132 - 4], (132, 264), axis=2)
    assert (true[:, :, :128] == clip.frames).all()
    assert (made[:, :, :128] == clip.frames[0]).all()

    def shown(colour: tuple[int, int, int]) -> np.ndarray:
        return (np.abs(marked[-1].astype(int) - colour).max(axis=-1) < 40).nonzero()[1]

    wanted, found = shown(LIVE), shown(FOUND)
    assert wanted.max() > 64 + 20  # the square's points were to go there
    assert len(found) > 50  # of a still picture every point is found, and those of the square are where they were
    assert (np.abs(marked[0].astype(int) - one.frames[0]).max(axis=-1) > 40).any()


def test_a_model_of_another_size_is_measured_at_the_size_of_the_clips() -> None:
    asked: list[tuple[int, ...]] = []

    def small(image: np.ndarray, tracks: Tracks, prompt: str, seed: int) -> np.ndarray:
        asked.append(image.shape)
        return still(image, tracks, prompt, seed)

    image = np.zeros((96, 128, 3), np.uint8)
    image[:, 64:] = 200
    frames = AtSize(generate=small, height=48, width=64)(image, Tracks.empty(3), "", 0)
    assert asked == [(48, 64, 3)]
    assert frames.shape == (3, 96, 128, 3)
    assert np.abs(frames[2].astype(int) - image).mean() < 3
    with pytest.raises(InputError, match="at the shape of the model's 64x64, got 128x96"):
        AtSize(generate=small, height=64, width=64)(image, Tracks.empty(3), "", 0)


def test_models_measured_on_the_same_clips_are_compared_in_one_table(patch_over_background: Render) -> None:
    clips = [named(patch_clip(patch_over_background, vector)) for vector in ((20.0, 0.0), (0.0, 18.0))]
    first, second = (summary([one.record for one in measure(still, clips)], name) for name in ("still", "other | name"))
    lines = markdown([first, second]).splitlines()
    assert lines[0].startswith("| model | clips | PSNR dB | SSIM | perceptual | EPE px |")
    assert lines[2].startswith("| still | 2 | ")
    assert lines[3].startswith("| other \\| name | 2 | ")
    assert "Clips with occlusion (2):" in lines
    assert len({line.count("|") - line.count("\\|") for line in lines if line.startswith("|")}) == 1


def test_models_measured_on_other_clips_are_not_compared(patch_over_background: Render) -> None:
    clip = patch_clip(patch_over_background, (20.0, 0.0))
    records = [one.record for one in measure(still, [named(clip)])]
    other = [replace(record, source="seed 7") for record in records]
    with pytest.raises(InputError, match="'a' and 'b' differ in hash: "):
        markdown([summary(records, "a"), summary(other, "b")])
    with pytest.raises(InputError, match="differ in clips: 1 and 2"):
        markdown([summary(records, "a"), summary(records * 2, "b")])
    with pytest.raises(InputError, match="differ in seed: None and 3"):
        markdown([summary(records, "a"), summary(records, "b", seed=3)])
    with pytest.raises(InputError, match="at least one"):
        markdown([])
