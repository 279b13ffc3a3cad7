"""torch.compile for a stream."""

from __future__ import annotations

import os
import shutil

from motionstream.errors import InputError
from motionstream.models.checkpoint import Checkpoint


def compile_networks(checkpoint: Checkpoint) -> None:
    """Compile the transformer's blocks, in place; the graphs are built during the first chunk.

    All blocks share their graphs, and the attention to the cache, whose slots change from chunk to chunk, stays outside
    them: nothing is compiled again later. The decoder is convolutions almost alone and is left as it is.

    Raises:
        InputError: Compiling for the CPU needs a C++ compiler, and there is none.
    """
    compilers = (os.environ.get("CXX", "g++"), "g++", "clang++", "c++")
    if checkpoint.device.type == "cpu" and not any(map(shutil.which, compilers)):
        raise InputError("Compiling for the CPU needs a C++ compiler: wanted g++ or clang++, found none. Install one.")
    for block in checkpoint.transformer.blocks:
        block.compile(dynamic=False)
