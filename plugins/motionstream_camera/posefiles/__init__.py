"""Camera paths in the files that users have, one module a format; all are read into OpenCV camera-to-world."""

from motionstream_camera.posefiles.choice import FORMATS, read_camera_path, write_camera_path

__all__ = ["FORMATS", "read_camera_path", "write_camera_path"]
