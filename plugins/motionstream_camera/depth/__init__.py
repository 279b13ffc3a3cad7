"""Depth of a still picture: one protocol, and what keeps it, chosen by name."""

from motionstream_camera.depth.choice import estimator_called
from motionstream_camera.depth.depth_map import DepthMap
from motionstream_camera.depth.protocol import DepthEstimator

__all__ = ["DepthEstimator", "DepthMap", "estimator_called"]
