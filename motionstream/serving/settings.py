"""ServerSettings: whom the server lets in, and how much of everything anybody may have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_MIB = 2**20
_Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]


class ServerSettings(BaseModel):
    """Of one server.

    Attributes:
        host: Address to listen on; other than the loopback needs a token.
        port: Port to listen on; 0 is any free one.
        token: What clients show; None makes one where one is needed.
        login: Pages are behind a login of their own, which hands out tickets: the token is not asked of pages, but a
            ticket or the token of every connection, on the loopback too.
        allowed_origins: Origins of pages, such as "https://example.org", that may connect besides the server's own.
        proxied: A reverse proxy stands before the server and sets X-Forwarded-Host, which is believed only then.
        max_streams: Streams that take turns at the model.
        max_waiting: Streams that may queue for one of these seats.
        max_videos: Videos that are held in memory, those that are paused too.
        max_connections: Visitors altogether; each has at most one stream.
        first_message_seconds: Time for `hello`.
        reconnect_seconds: How long a stream without a client keeps its seat.
        idle_seconds: How long a stream without a client is kept.
        no_input_seconds: A stream whose user does nothing for so long is paused, and after twice the time stopped.
        message_bytes: Longest message, and so the largest picture file.
        picture_pixels: Largest picture.
        messages_per_second: Faster clients are slowed down.
        events_per_second: Faster clients are slowed down.
        pictures_per_second: Faster clients are slowed down.
        camera_bytes: Largest picture of a live camera.
        camera_per_second: Pictures of a live camera that come faster are left out.
        max_memory_frames: Latent frames of sink and window together that a client may ask for; the checkpoint's own
            are always allowed.
        history_bytes: Snapshots to go back to, for each stream.
        log_bytes: Longest control log; a stream that reaches it is stopped.
        recordings: Folder of recordings; None is without any.
        recordings_bytes: Beyond it the oldest recordings are removed.
        recording_seconds: Longest recording; it is finished there.
        paced: Make chunks no faster than the video plays; without it, as fast as clients acknowledge.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    token: str | None = Field(default=None, min_length=8, max_length=4096)
    login: bool = False
    allowed_origins: tuple[str, ...] = ()
    proxied: bool = False
    max_streams: int = Field(default=4, ge=1, le=1024)
    max_waiting: int = Field(default=16, ge=0, le=1024)
    max_videos: int = Field(default=16, ge=1, le=65536)
    max_connections: int = Field(default=64, ge=1, le=65536)
    first_message_seconds: _Seconds = 5
    reconnect_seconds: _Seconds = 15
    idle_seconds: _Seconds = 120
    no_input_seconds: _Seconds = 600
    message_bytes: int = Field(default=4 * _MIB, ge=65536, le=256 * _MIB)
    picture_pixels: int = Field(default=40_000_000, ge=1, le=200_000_000)
    messages_per_second: float = Field(default=240, gt=0, le=1e6)
    events_per_second: float = Field(default=1000, gt=0, le=1e6)
    pictures_per_second: float = Field(default=2, gt=0, le=1e3)
    camera_bytes: int = Field(default=_MIB // 2, ge=1024, le=16 * _MIB)
    camera_per_second: float = Field(default=60, gt=0, le=1e3)
    max_memory_frames: int = Field(default=24, ge=1, le=480)
    history_bytes: int = Field(default=512 * _MIB, ge=0)
    log_bytes: int = Field(default=256 * _MIB, ge=_MIB)
    recordings: Path | None = None
    recordings_bytes: int = Field(default=2048 * _MIB, ge=_MIB)
    recording_seconds: _Seconds = 1800
    paced: bool = True
