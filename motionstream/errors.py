"""What a user can act on. Every message says what was wanted, what came and what to do.

::

    MotionStreamError            exit code 1
      InputError                 2   a bad image, script, prompt or number
        TracksError              2   tracks that break their rules, or a file that holds none
      CheckpointError            3   weights or configuration missing, wrong in shape or dtype
      ProviderError              4   a provider that is unknown, broken or misbehaves
      OutputError                5   a path that cannot be written, a disk that is full
      LiveError                  1   what a live server refused; in `motionstream.client`

Anything else that escapes is a bug of ours and keeps its traceback.
"""

from typing import ClassVar


class MotionStreamError(Exception):
    """An error that the user can act on; the command line prints it as one line and exits with `exit_code`."""

    exit_code: ClassVar[int] = 1


class InputError(MotionStreamError):
    """Something given to the program is not usable: an image, a script, a prompt, a number."""

    exit_code = 2


class TracksError(InputError):
    """Tracks break their rules (shape, finiteness, unique ids) or a file does not hold tracks."""


class CheckpointError(MotionStreamError):
    """A checkpoint lacks a file, or a tensor in it has the wrong name, shape or dtype."""

    exit_code = 3


class ProviderError(MotionStreamError):
    """A trajectory provider is unknown, cannot be imported, got bad settings or breaks its contract."""

    exit_code = 4


class OutputError(MotionStreamError):
    """A result could not be written: no permission, no such folder, no space left."""

    exit_code = 5
