import numpy as np
import pytest
from motionstream_camera import CameraSettings, CameraWithDrag, CameraWithDragSettings

from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.providers import StreamInfo, Window
from motionstream.testing import check_provider

STEPS = np.full((64, 96), 4.0)
STEPS[16:48, 30:66] = 1.0  # a near thing before a far wall
DRAG = {"radius": 0, "smoothing_seconds": 0, "max_speed": 20}


class Both:
    """A camera with drags under way."""

    def __init__(self, depth, drag=DRAG, **camera):
        settings = CameraSettings(
            **{"depth_source": depth, "points_across": 12, "field_of_view": 60, "seed_points": False, **camera}
        )
        self.provider = CameraWithDrag(CameraWithDragSettings(camera=settings, rider_settings=drag))
        self.config = StreamConfig(width=96, height=64)
        self.provider.start(StreamInfo(width=96, height=64, fps=self.config.fps))
        self.num_chunks = 0

    def send(self, kind, time, **fields):
        self.provider.handle({"type": kind, "time_seconds": time, **fields})
        return self

    def read(self, num_chunks=1):
        whole = None
        for _ in range(num_chunks):
            part = self.provider.read(Window.of_chunk(self.config, self.num_chunks))
            whole = part if whole is None else whole.concat_time(part)
            self.num_chunks += 1
        return whole


def dragged(tracks):
    return tracks.select(tracks.ids % 2 == 1)


def of_camera(tracks):
    return tracks.select(tracks.ids % 2 == 0)


def test_both_together_keep_the_contract_of_providers():
    check_provider("camera+drag", patience_seconds=60)


def test_a_held_point_rides_on_the_camera_as_the_scene_beside_it_does(depth_file):
    """A pin on the near thing goes where a point of the camera at the same depth goes."""
    both = Both(depth_file(STEPS), path_extent=0.1)
    both.send("pin", 0.0, x=5.5 / 12, y=5.5 / 12).send("keys", 0.0, keys=["d"])
    tracks = both.read(2)
    pin = dragged(tracks)
    assert pin.num_points == 1
    beside = of_camera(tracks).select([2 * (5 * 12 + 5)])  # the grid's point at the same place
    np.testing.assert_allclose(pin.xy, beside.xy, atol=1e-4)
    assert np.abs(pin.xy[-1] - pin.xy[0]).max() > 0.1


def test_a_dragged_point_is_under_the_pointer_wherever_the_camera_is(depth_file):
    both = Both(depth_file(STEPS), speed=0.05)
    both.send("keys", 0.0, keys=["d", "w"]).read()
    both.send("press", 0.75, x=0.4, y=0.5).send("move", 1.3, x=0.55, y=0.6)
    tracks = dragged(both.read())
    last = tracks.xy[-1, 0]  # frame 20, 1.25 s: most of the way
    part = (1.25 - 0.75) / (1.3 - 0.75)
    np.testing.assert_allclose(last, (0.4 + 0.15 * part, 0.5 + 0.1 * part), atol=0.02)


def test_a_released_thing_is_taken_up_again_where_it_is_seen(depth_file):
    """The camera has carried it away from where the drag provider has it; a press there must not pick a new one."""
    both = Both(depth_file(STEPS), drag={**DRAG, "radius": 0.04}, speed=0.1)
    both.send("press", 0.0, x=0.45, y=0.5).send("release", 0.3, x=0.5, y=0.5).send("keys", 0.0, keys=["d"])
    tracks = dragged(both.read(3))
    seen = tracks.xy[-1].mean(axis=0)
    assert abs(seen[0] - 0.5) > 0.08  # the camera has carried it away
    both.send("press", 2.1, x=float(seen[0]), y=float(seen[1]))
    assert dragged(both.read()).num_points == tracks.num_points


def test_points_of_the_camera_are_silent_where_something_is_dragged(depth_file):
    both = Both(depth_file(STEPS))
    tracks = both.send("pin", 0.0, x=0.5, y=0.5).read()
    scene = of_camera(tracks)
    near = np.hypot(*(scene.xy[-1] - 0.5).T) < 0.065
    far = np.hypot(*(scene.xy[-1] - 0.5).T) > 0.2
    assert near.any()
    assert not scene.visible[-1, near].any()
    assert scene.visible[-1, far].all()


def test_a_copy_goes_on_alike(depth_file):
    both = Both(depth_file(STEPS))
    both.send("press", 0.1, x=0.4, y=0.5).send("keys", 0.2, keys=["w"]).read()
    twin = Both(depth_file(STEPS))
    twin.provider, twin.num_chunks = both.provider.copy(), both.num_chunks
    for one in (both, twin):
        one.send("move", 1.0, x=0.6, y=0.5)
    assert both.read(2) == twin.read(2)


def test_an_event_of_neither_is_refused(depth_file):
    both = Both(depth_file(STEPS))
    with pytest.raises(InputError):
        both.provider.handle({"type": "teleport"})
    with pytest.raises(InputError):
        both.provider.handle({"type": "press", "x": "left", "y": 0})
    assert dragged(both.read()).num_points == 0
