import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionstream.errors import OutputError, TracksError
from motionstream.tracks import Tracks


def line(num_frames=5, ids=(3, 7), visible=True):
    """Point k walks to the right from x = 0.1 k, a tenth of the width over all frames."""
    x = 0.1 * np.arange(len(ids)) + np.linspace(0, 0.1, num_frames)[:, None]
    xy = np.stack([x, np.full_like(x, 0.5)], axis=-1)
    return Tracks(ids=np.array(ids), xy=xy, visible=np.full(xy.shape[:2], visible))


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_arrays_are_cast_copied_and_read_only():
    xy = np.full((2, 1, 2), 0.5)
    tracks = Tracks(ids=np.array([4], np.int32), xy=xy, visible=np.ones((2, 1), np.uint8))
    xy[:] = 0.9
    assert (tracks.ids.dtype, tracks.xy.dtype, tracks.visible.dtype) == (np.int64, np.float32, bool)
    assert (tracks.xy == 0.5).all()
    for array in (tracks.ids, tracks.xy, tracks.visible):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": np.array([1, 1])}, "unique"),
        ({"ids": np.array([-1, 1])}, "not negative"),
        ({"ids": np.array([0.5, 1.5])}, "integer ids"),
        ({"ids": np.array([1])}, "same n and t"),
        ({"xy": np.full((3, 2, 2), np.nan)}, "finite"),
        ({"xy": np.full((3, 2, 2), np.inf)}, "finite"),
        ({"xy": np.full((3, 2, 2), 1e300)}, "finite"),
        ({"xy": np.zeros((3, 2, 3))}, "xy \\[t, n, 2\\]"),
        ({"xy": np.zeros((0, 2, 2))}, "t >= 1"),
        ({"xy": np.full((3, 2, 2), "a")}, "numeric"),
        ({"visible": np.full((3, 2), 0.5)}, "boolean"),
        ({"visible": np.ones((2, 2), bool)}, "same n and t"),
    ],
)
def test_what_breaks_the_rules_is_refused_with_a_reason(change, message):
    good = {"ids": np.array([0, 1]), "xy": np.zeros((3, 2, 2)), "visible": np.ones((3, 2), bool)}
    with pytest.raises(TracksError, match=message):
        Tracks(**{**good, **change})


def test_a_point_outside_the_picture_keeps_its_place_and_is_not_visible():
    xy = np.array([[[0.0, 0.0], [0.999, 0.5], [1.0, 0.5], [-0.01, 0.5], [0.5, 1.2]]])
    tracks = Tracks(ids=np.arange(5), xy=xy, visible=np.ones((1, 5), bool))
    assert tracks.visible.tolist() == [[True, True, False, False, False]]
    np.testing.assert_array_equal(tracks.xy, xy.astype(np.float32))


def test_empty_tracks_have_frames_and_no_points():
    tracks = Tracks.empty(9)
    assert (len(tracks), tracks.num_frames, tracks.num_points) == (9, 9, 0)
    assert tracks == Tracks.empty(9)
    assert tracks != Tracks.empty(8)
    assert "no points" not in repr(line())


def test_equality_is_by_content():
    assert line() == line()
    assert line() != line(visible=False)
    assert line() != "tracks"


def test_slice_takes_frames_that_exist():
    tracks = line(5)
    np.testing.assert_array_equal(tracks.slice(1, 3).xy, tracks.xy[1:3])
    for start, stop in ((3, 3), (-1, 2), (0, 6)):
        with pytest.raises(TracksError, match="start < stop"):
            tracks.slice(start, stop)


def test_select_takes_a_mask_or_ids_in_the_given_order():
    tracks = line(ids=(9, 2, 5))
    assert tracks.select(np.array([True, False, True])).ids.tolist() == [9, 5]
    chosen = tracks.select([5, 9])
    assert chosen.ids.tolist() == [5, 9]
    np.testing.assert_array_equal(chosen.xy, tracks.xy[:, [2, 0]])
    assert tracks.select([]).num_points == 0
    with pytest.raises(TracksError, match=r"\[4\]"):
        tracks.select([2, 4])
    with pytest.raises(TracksError, match="mask"):
        tracks.select(np.array([True]))


def test_merge_joins_points_and_refuses_shared_ids_and_other_lengths():
    both = line(ids=(1, 2)).merge(line(ids=(3,)))
    assert both.ids.tolist() == [1, 2, 3]
    assert both.num_frames == 5
    with pytest.raises(TracksError, match="unique"):
        line(ids=(1,)).merge(line(ids=(1,)))
    with pytest.raises(TracksError, match="5 video frames"):
        line(5).merge(line(4, ids=(0,)))


def test_concat_time_unites_the_points_and_hides_the_absent():
    first, second = line(2, ids=(1, 2)), line(3, ids=(2, 3))
    both = first.concat_time(second)
    assert both.ids.tolist() == [1, 2, 3]
    assert both.visible.tolist() == [[True, True, False]] * 2 + [[False, True, True]] * 3
    np.testing.assert_array_equal(both.slice(0, 2).select([1, 2]).xy, first.xy)
    np.testing.assert_array_equal(both.slice(2, 5).select([2, 3]).xy, second.xy)
    np.testing.assert_array_equal(both.xy[2:, 0], np.repeat(first.xy[-1:, 0], 3, axis=0))
    np.testing.assert_array_equal(both.xy[:2, 2], np.repeat(second.xy[:1, 1], 2, axis=0))


@settings(deadline=None)
@given(num_frames=st.integers(2, 12), cut=st.data())
def test_cutting_in_two_and_joining_again_changes_nothing(num_frames, cut):
    tracks = line(num_frames, ids=(8, 3, 5))
    at = cut.draw(st.integers(1, num_frames - 1))
    assert tracks.slice(0, at).concat_time(tracks.slice(at, num_frames)) == tracks


@settings(deadline=None)
@given(num_frames=st.integers(1, 40), wanted=st.integers(2, 40))
def test_resampling_a_straight_line_keeps_the_line_and_its_ends(num_frames, wanted):
    tracks = line(num_frames).resample(wanted)
    far = 0.1 if num_frames > 1 else 0.0
    np.testing.assert_allclose(tracks.xy[:, 0, 0], np.linspace(0, far, wanted), atol=1e-6)
    assert tracks.visible.all()


def test_resampling_takes_visibility_of_the_nearest_frame_and_trusts_no_hidden_position():
    xy = np.array([[[0.2, 0.2]], [[0.9, 0.9]]])
    tracks = Tracks(ids=np.array([0]), xy=xy, visible=np.array([[True], [False]]))
    between = tracks.at_frames([0, 0.4, 0.6, 1])
    assert between.visible[:, 0].tolist() == [True, True, False, False]
    np.testing.assert_allclose(between.xy[:2, 0], 0.2, rtol=1e-6)
    for positions in ([-0.1], [1.1], [np.nan], [[0.0]]):
        with pytest.raises(TracksError, match="positions"):
            tracks.at_frames(positions)
    with pytest.raises(TracksError, match="at least 1"):
        tracks.resample(0)


def test_saved_tracks_come_back_the_same_at_the_path_that_was_named(tmp_path):
    path = tmp_path / "drag.tracks"  # numpy would add .npz
    line().save(path)
    assert Tracks.load(path) == line()
    assert [entry.name for entry in tmp_path.iterdir()] == ["drag.tracks"]


def test_saving_where_nothing_can_be_written_says_so(tmp_path):
    with pytest.raises(OutputError, match="No such file"):
        line().save(tmp_path / "missing" / "drag.npz")


def test_files_that_hold_no_tracks_are_refused_with_a_reason(tmp_path):
    def check(name, write, message):
        path = tmp_path / name
        write(path)
        with pytest.raises(TracksError, match=message) as caught:
            Tracks.load(path)
        assert str(path) in str(caught.value)

    check("text.npz", lambda path: path.write_text("hello"), "something else")
    check("empty.npz", lambda path: path.write_bytes(b""), "something else")
    check("array.npz", lambda path: path.write_bytes(_npy(np.zeros(3))), "single array")
    check("other.npz", lambda path: np.savez(path, ids=np.zeros(1)), "xy, visible missing")
    check("folder.npz", lambda path: path.mkdir(), "could not read")
    check("absent.npz", lambda path: None, "could not read")
    evil = {"ids": np.array([{}], dtype=object), "xy": np.zeros((1, 1, 2)), "visible": np.ones((1, 1))}
    check("pickle.npz", lambda path: np.savez(path, **evil), "something else")
    wrong = {"ids": np.zeros(2, int), "xy": np.zeros((1, 2, 2)), "visible": np.ones((1, 2), bool)}
    check("twins.npz", lambda path: np.savez(path, **wrong), "unique")


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "tracks.npz"
    line(200).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TracksError, match="something else"):
        Tracks.load(path)


def test_importing_tracks_loads_neither_torch_nor_pydantic():
    code = "import sys, motionstream.tracks, motionstream.providers; print({'torch', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
