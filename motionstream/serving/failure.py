"""Failure: an exception in the protocol's words."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from motionstream.errors import CheckpointError, InputError, MotionStreamError


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What a client is told of an exception.

    Attributes:
        code: As in `messages.Error`.
        message: For people; of a bug, no more than that there is one.
    """

    code: str
    message: str


def failure(error: Exception) -> Failure:
    """What to tell of an exception."""
    match error:
        case InputError():
            return Failure(code="input", message=str(error))
        case CheckpointError():
            return Failure(code="model", message=str(error))
        case MotionStreamError():
            return Failure(code="failed", message=str(error))
        case MemoryError() | torch.OutOfMemoryError():
            return Failure(
                code="model", message="The model's memory is full. Try again later, or with a smaller window."
            )
        case _:
            return Failure(code="internal", message="The stream failed by a fault of the server. See its log.")
