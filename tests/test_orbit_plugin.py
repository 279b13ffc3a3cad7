import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "motionstream_orbit_plugin"

PROBE = """
import json
from motionstream.config import StreamConfig
from motionstream.providers import StreamInfo, Window, discover, load_provider
from motionstream.testing import check_provider
check_provider("orbit")
check_provider("orbit", {"num_points": 3, "turns_per_second": -1})
entry = next(entry for entry in discover() if entry.name == "orbit")
config = StreamConfig(width=96, height=64)
orbit = load_provider("orbit", {"radius": 0.25, "turns_per_second": 1})
orbit.start(StreamInfo(width=96, height=64, fps=16))
tracks = orbit.read(Window.of_chunk(config, 0))
pixels = (tracks.xy - 0.5) * (96, 64)
print(json.dumps({
    "entry": [entry.distribution, entry.version, entry.state, entry.reason],
    "radii": (pixels**2).sum(-1).ravel().tolist(),
    "quarter": (tracks.xy[4, 0]).tolist(),
}))
"""


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """Install the example as a stranger would, without a network, and look at it from a new process."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    done = subprocess.run(
        [*pip, "--no-build-isolation", "--no-deps", "--target", site, EXAMPLE], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_example_is_found_by_its_name_once_installed(probe):
    assert probe["entry"] == ["motionstream-orbit", "0.1.0", "ok", ""]


def test_its_points_run_on_a_round_ring_at_the_given_speed(probe):
    assert probe["radii"] == pytest.approx([24.0**2] * len(probe["radii"]), rel=1e-4)
    assert probe["quarter"] == pytest.approx([0.5, 0.5 + 0.25 * 96 / 64], abs=1e-5)  # 4 of 16 frames, one turn a second


def test_the_tutorial_shows_the_example_as_it_is():
    tutorial = (EXAMPLE.parents[1] / "plugins" / "README.md").read_text(encoding="utf-8")
    for name in ("motionstream_orbit.py", "pyproject.toml"):
        assert (EXAMPLE / name).read_text(encoding="utf-8").strip() in tutorial
