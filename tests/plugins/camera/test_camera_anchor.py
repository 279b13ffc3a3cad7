import base64

import numpy as np
import pytest
from motionstream_camera.depth import DepthMap
from motionstream_camera.pose import make_pose

from motionstream.errors import InputError


class RenderedDepth:
    """Depth of a scene that is known exactly: a wall, 4 away, and a near strip, from wherever the camera is."""

    description = "a rendered scene"

    def __init__(self, flight, factor=1.0, inverse_shift=None):
        self.flight, self.factor, self.inverse_shift = flight, factor, inverse_shift

    def estimate(self, image, aspect):
        stage = self.flight.provider.stage
        pose, lens = stage.camera_at(None)
        x, y = np.meshgrid((np.arange(96) + 0.5) / 96, (np.arange(64) + 0.5) / 64)
        rays = lens.unproject(np.stack([x, y], -1)) @ pose[:3, :3].T
        wall = (4.0 - pose[2, 3]) / rays[..., 2]
        strip = (1.5 - pose[2, 3]) / rays[..., 2]
        across = pose[0, 3] + strip * rays[..., 0]
        depth = np.where(np.abs(across) < 0.15, strip, wall)
        if self.inverse_shift is not None:
            return DepthMap(values=1 / (self.factor / depth + self.inverse_shift), metric=False)
        return DepthMap(values=self.factor * depth, metric=True)


PICTURE = np.zeros((64, 96, 3), np.uint8)


def under_way(flight, depth_file, **estimator):
    live = flight(depth_source=depth_file(np.full((64, 96), 4.0)), speed=0.1, max_points=600, keep_in_view=0)
    live.provider._estimator = RenderedDepth(live)  # the first scene is rendered as well
    live.provider.start(_info(live))
    live.send("keys", 0.0, keys=["d"]).read(2)
    live.provider._estimator = RenderedDepth(live, **estimator)
    return live


def _info(live):
    from motionstream.providers import StreamInfo

    return StreamInfo(width=96, height=64, fps=16)


@pytest.mark.parametrize("estimator", [{}, {"factor": 3.0}, {"factor": 0.5, "inverse_shift": 0.2}])
def test_the_scale_is_kept_by_what_both_pictures_show(flight, depth_file, estimator):
    """Whatever the unit of the new depth, the wall stays 4 away."""
    live = under_way(flight, depth_file, **estimator)
    live.provider.anchor(PICTURE)
    live.read()
    depth = live.provider.stage.surface.depths_from(
        make_pose(), live.provider.stage.surface.lens, np.array([[0.7, 0.2], [0.8, 0.8]])
    )
    np.testing.assert_allclose(depth, 4.0, rtol=0.01)


def test_points_in_view_keep_ids_and_places(flight, depth_file):
    plain, anchored = (under_way(flight, depth_file, factor=2.0) for _ in range(2))
    before = anchored.provider.stage.cloud.ids
    anchored.provider.anchor(PICTURE)
    one, other = plain.read(), anchored.read()
    shared = np.intersect1d(before, other.ids)
    assert len(shared) >= 144
    assert set(before) == set(shared)
    one, other = one.select(shared), other.select(shared)
    both = one.visible & other.visible
    assert both.mean() > 0.6
    error = np.linalg.norm(one.xy - other.xy, axis=-1)[both]
    assert np.quantile(error, 0.95) < 0.01


def test_the_new_scene_reaches_where_the_old_one_did_not(flight, depth_file):
    live = under_way(flight, depth_file)
    eye = live.provider.stage.camera_at(None)
    edge = np.array([[0.98, 0.1], [0.98, 0.5], [0.98, 0.9]])
    assert not live.provider.stage.surface.seen(*eye, edge).any()  # beyond the photograph's right edge
    live.provider.anchor(PICTURE)
    live.read()
    assert live.provider.stage.surface.seen(*eye, edge).all()


def test_a_picture_comes_as_an_event_too_and_nonsense_is_refused(flight, depth_file):
    import cv2

    live = under_way(flight, depth_file)
    before = live.provider.stage.surface
    text = base64.b64encode(cv2.imencode(".png", PICTURE)[1].tobytes()).decode()
    live.send("anchor", 1.2, image="data:image/png;base64," + text).read()
    assert live.provider.stage.surface is not before
    for nonsense in ("not base64!", base64.b64encode(b"no picture").decode()):
        with pytest.raises(InputError, match="image"):
            live.send("anchor", image=nonsense)


def test_a_view_without_the_old_scene_is_refused(flight, depth_file):
    live = under_way(flight, depth_file)
    live.provider.stage.rig.pose = make_pose(position=np.array([50.0, 0, 0]))
    live.provider.stage._flown._frames.clear()
    with pytest.raises(InputError, match="Fly back"):
        live.provider.anchor(PICTURE)
