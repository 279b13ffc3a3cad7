"""What can be imported on a machine that has torch, numpy, safetensors and jaxtyping and nothing else of ours."""

import subprocess
import sys
from textwrap import dedent

MAKES_CLIPS = tuple(f"motionstream.training.{name}" for name in ("world", "encoding", "procedural_shard"))
"""Procedural clips are painted by OpenCV."""

PROGRAM = dedent(
    """
    import importlib, pkgutil, sys

    class Missing:
        names = {"cv2", "transformers", "av", "PIL", "tyro", "rich", "pydantic", "diffusers", "matplotlib",
                 "tensorboard", "huggingface_hub", "scipy", "torchvision", "cotracker"}

        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in self.names:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Missing())
    for layer in ("models", "streaming", "training"):
        package = importlib.import_module(f"motionstream.{layer}")
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".", onerror=lambda name: None):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                print(module.name, error.name)
    """
)


def test_networks_streaming_and_training_need_torch_and_little_else() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    failed = [line.split() for line in done.stdout.splitlines()]
    assert [name for name, _ in failed if not name.startswith(MAKES_CLIPS)] == []
    assert {package for _, package in failed} == {"cv2"}
