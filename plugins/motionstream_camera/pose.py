"""Poses: where the camera stands, as 4x4 matrices that take camera coordinates to world coordinates.

The convention of the whole package: x right, y down, z forward (OpenCV), camera-to-world, float64. The world's axes are
those of the camera that took the photograph, which stands at the origin: its pose is the identity.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

Pose = Float64[np.ndarray, "4 4"]
Rotation = Float64[np.ndarray, "3 3"]
Vector = Float64[np.ndarray, " 3"]
Quaternion = Float64[np.ndarray, " 4"]

RIGHT: Vector = np.array([1.0, 0.0, 0.0])
DOWN: Vector = np.array([0.0, 1.0, 0.0])
FORWARD: Vector = np.array([0.0, 0.0, 1.0])


def make_pose(rotation: Rotation | None = None, position: Vector | None = None) -> Pose:
    """A pose of its rotation and position; what is left out is that of the photograph's camera."""
    pose = np.eye(4)
    if rotation is not None:
        pose[:3, :3] = rotation
    if position is not None:
        pose[:3, 3] = position
    return pose


def inverse(pose: Float64[np.ndarray, "*b 4 4"]) -> Float64[np.ndarray, "*b 4 4"]:
    """World-to-camera of camera-to-world, and back."""
    turned = np.swapaxes(pose[..., :3, :3], -1, -2)
    result = np.zeros_like(pose)
    result[..., :3, :3] = turned
    result[..., :3, 3] = -(turned @ pose[..., :3, 3, None])[..., 0]
    result[..., 3, 3] = 1
    return result


def turn(axis: Vector, radians: float) -> Rotation:
    """The rotation about an axis of unit length, right-handed: yaw about y turns z towards x."""
    if radians == 0:
        return np.eye(3)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + np.sin(radians) * cross + (1 - np.cos(radians)) * (cross @ cross))


def turned_about(pose: Pose, pivot: Vector, rotation: Rotation) -> Pose:
    """A pose carried round a point of the world; what the camera saw of the point it goes on seeing."""
    return make_pose(rotation @ pose[:3, :3], pivot + rotation @ (pose[:3, 3] - pivot))


def look_at(eye: Vector, target: Vector, down: Vector = DOWN) -> Pose:
    """A pose at `eye` that looks at `target` with a level horizon."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(down, forward)
    right = right / np.linalg.norm(right)
    return make_pose(np.stack([right, np.cross(forward, right), forward], axis=-1), eye)


def quaternion(rotation: Rotation) -> Quaternion:
    """Unit quaternion (w, x, y, z) of a rotation, w not negative."""
    r = rotation
    # The four squared components; the largest is well conditioned and gives the others.
    squares = np.array([1 + r[0, 0] + r[1, 1] + r[2, 2], 1 + r[0, 0] - r[1, 1] - r[2, 2],
                        1 - r[0, 0] + r[1, 1] - r[2, 2], 1 - r[0, 0] - r[1, 1] + r[2, 2]])  # fmt: skip
    products = np.array([
        [squares[0], r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
        [r[2, 1] - r[1, 2], squares[1], r[1, 0] + r[0, 1], r[0, 2] + r[2, 0]],
        [r[0, 2] - r[2, 0], r[1, 0] + r[0, 1], squares[2], r[2, 1] + r[1, 2]],
        [r[1, 0] - r[0, 1], r[0, 2] + r[2, 0], r[2, 1] + r[1, 2], squares[3]],
    ])  # fmt: skip
    best = products[int(np.argmax(squares))]
    result = best / np.linalg.norm(best)
    return np.asarray(result if result[0] >= 0 else -result)


def rotation_of(wxyz: Quaternion) -> Rotation:
    """The rotation of a quaternion (w, x, y, z) of any length."""
    w, x, y, z = wxyz / np.linalg.norm(wxyz)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def between(first: Pose, second: Pose, part: float) -> Pose:
    """The pose at `part` of the way: straight in position, at a steady turn in rotation."""
    if part in (0, 1):
        return second if part else first
    a, b = quaternion(first[:3, :3]), quaternion(second[:3, :3])
    cosine = float(a @ b)
    b, cosine = (-b, -cosine) if cosine < 0 else (b, cosine)
    angle = np.arccos(min(cosine, 1.0))
    if angle < 1e-6:  # too small a turn to divide by its sine
        mixed = (1 - part) * a + part * b
    else:
        mixed = (np.sin((1 - part) * angle) * a + np.sin(part * angle) * b) / np.sin(angle)
    return make_pose(rotation_of(mixed), (1 - part) * first[:3, 3] + part * second[:3, 3])
