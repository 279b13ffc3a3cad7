"""The door to Open3D, which is imported on first use and needs a system library that not every machine has."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt32

from motionstream.errors import ProviderError

_THREADS = 1  # the rays of a chunk are few; more threads cost more to wake than they save


class Raycaster:
    """Triangles that rays are sent against.

    Args:
        vertices: In world coordinates.
        triangles: Rows of three indices of vertices.

    Raises:
        ProviderError: Open3D or a system library of it is missing; the message names the package to install.
    """

    def __init__(self, vertices: Float32[np.ndarray, "v 3"], triangles: UInt32[np.ndarray, "f 3"]) -> None:
        self._open3d = load_open3d()
        self._scene = self._open3d.t.geometry.RaycastingScene(nthreads=_THREADS)
        self._scene.add_triangles(self._tensor(vertices), self._tensor(triangles))

    def blocked(self, rays: Float32[np.ndarray, "*b 6"], nearest: float, farthest: float) -> Bool[np.ndarray, "*b"]:
        """Whether something lies on a ray (origin, direction) between two multiples of its direction."""
        found = self._scene.test_occlusions(self._tensor(rays), nearest, farthest, nthreads=_THREADS)
        blocked: Bool[np.ndarray, "*b"] = found.numpy()
        return blocked

    def distances(self, rays: Float32[np.ndarray, "*b 6"]) -> Float32[np.ndarray, "*b"]:
        """Multiples of its direction at which each ray hits first; infinite where it hits nothing."""
        hits: Float32[np.ndarray, "*b"] = self._scene.cast_rays(self._tensor(rays), nthreads=_THREADS)["t_hit"].numpy()
        return hits

    def _tensor(self, array: np.ndarray) -> Any:
        return self._open3d.core.Tensor.from_numpy(np.ascontiguousarray(array))


def load_open3d() -> Any:
    """The module, or one line that says what to install.

    Raises:
        ProviderError: It is not installed, or a library of the system is missing.
    """
    try:
        import open3d
    except ModuleNotFoundError as error:
        raise ProviderError(
            f"The camera provider wants Open3D, but {error.name!r} is not installed. Run: pip install open3d"
        ) from error
    except (ImportError, OSError) as error:
        raise ProviderError(f"The camera provider wants Open3D, which cannot start: {_remedy(str(error))}") from error
    return open3d


_PACKAGES = {"libusb": "libusb-1.0-0", "libGL": "libgl1", "libX11": "libx11-6", "libgomp": "libgomp1"}


def _remedy(message: str) -> str:
    """The missing library's package on Debian and Ubuntu, as far as it is known."""
    package = next((package for library, package in _PACKAGES.items() if library in message), None)
    first = message.strip().splitlines()[0]
    return f"{first}. " + (f"Run: apt-get install {package}" if package else "Install the library that it names.")
