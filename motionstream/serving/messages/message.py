"""What all messages share, and the names that several of them use."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from motionstream.errors import InputError

PROTOCOL_VERSION = 1
SUBPROTOCOL = "motionstream.v1"

Codec = Literal["jpeg", "h264", "vp8"]
Presentation = Literal["backpressure", "drop"]
StreamStatus = Literal["idle", "queued", "streaming", "paused", "stopped", "failed"]


class Message(BaseModel):
    """What all messages share: they are values, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def refused(error: ValidationError) -> InputError:
    """What is wrong with a message, for people: its first problem."""
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, problem["loc"])) or "the message"
    return InputError(f"Message: {where}: {problem['msg']}. See docs/protocol.md.")
