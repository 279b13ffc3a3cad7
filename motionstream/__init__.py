"""MotionStream: drag a thing in a picture, and a causal video model streams the motion.

Importing this needs numpy alone; networks, codecs and servers are imported where they are used.
"""

from motionstream.config import StreamConfig
from motionstream.errors import (
    CheckpointError,
    InputError,
    MotionStreamError,
    OutputError,
    ProviderError,
    TracksError,
)
from motionstream.tracks import Tracks

__version__ = "0.1.0"

__all__ = [
    "CheckpointError",
    "InputError",
    "MotionStreamError",
    "OutputError",
    "ProviderError",
    "StreamConfig",
    "Tracks",
    "TracksError",
    "__version__",
]
