"""Messages of the server."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from motionstream.serving.messages.message import PROTOCOL_VERSION, Codec, Message, StreamStatus, refused


class ProviderInfo(Message):
    """A source of motion that the server offers.

    Attributes:
        name: What `Start.provider` asks for.
        settings_schema: JSON schema of its settings, without those that are paths on the server.
    """

    name: str
    settings_schema: dict[str, Any]


class Ready(Message):
    """The answer to `Hello`.

    Attributes:
        version: `PROTOCOL_VERSION`.
        session: A short public name for logs.
        resume: Give this in `Hello.resume` to come back; as good as a password.
        resumed: Whether an earlier stream was taken up.
        status: Of the stream.
        width: Of the frames.
        height: Of the frames.
        fps: Video frames per second of playing time.
        frames_per_chunk: Video frames of every chunk but the first.
        codec: What frames will be in.
        timesteps: The checkpoint's denoising timesteps.
        sink_frames: The checkpoint's, in latent frames.
        window_frames: The checkpoint's, in latent frames.
        model: The checkpoint in a few words.
        providers: Sources of motion.
        max_picture_bytes: Larger pictures are refused.
        max_picture_pixels: Larger pictures are refused.
    """

    type: Literal["ready"] = "ready"
    version: int = PROTOCOL_VERSION
    session: str
    resume: str
    resumed: bool
    status: StreamStatus
    width: int
    height: int
    fps: float
    frames_per_chunk: int
    codec: Codec
    timesteps: tuple[float, ...]
    sink_frames: int
    window_frames: int
    model: str
    providers: tuple[ProviderInfo, ...]
    max_picture_bytes: int
    max_picture_pixels: int


class Picture(Message):
    """The answer to a picture: what was received, and what will be made of it."""

    type: Literal["picture"] = "picture"
    width: int
    height: int


class State(Message):
    """The stream changed.

    Attributes:
        status: What it does now.
        generation: Counts starts, seeks and stops; packets of another generation belong to an old branch.
        chunk: The next chunk.
        prompt: The present prompt.
        seed: The stream's seed.
        description: What was done to the picture to fit it, and why it ended where it did not end by request.
    """

    type: Literal["state"] = "state"
    status: StreamStatus
    generation: int
    chunk: int
    prompt: str = ""
    seed: int = 0
    description: str = ""


class Queued(Message):
    """All turns are taken; the stream starts by itself when it is its turn.

    Attributes:
        position: 1 is next.
        waiting: How many wait.
    """

    type: Literal["queued"] = "queued"
    position: int
    waiting: int


class Received(Message):
    """First receipt: all events up to this sequence number have arrived."""

    type: Literal["received"] = "received"
    seq: int


class Applied(Message):
    """Second receipt: where events move the video.

    Attributes:
        chunk: The chunk that they are part of.
        frames: One [seq, video frame] for each event.
    """

    type: Literal["applied"] = "applied"
    generation: int
    chunk: int
    frames: tuple[tuple[int, int], ...]


class Report(Message):
    """What the provider of motion shows of itself, sent when something of it has changed.

    Attributes:
        values: What has changed; it is merged into what was reported since the stream's generation began.
    """

    type: Literal["report"] = "report"
    values: dict[str, Any]


class Percentiles(Message):
    """Of the last few hundred values, in milliseconds; None before there are any."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class Stats(Message):
    """Sent about twice a second while streaming.

    Attributes:
        chunk: Chunks made.
        frames: Video frames made.
        fps_made: Video frames of a chunk / the time the engine took for it.
        fps_shown: Video frames that the client acknowledged in the last seconds.
        stages_ms: The newest chunk's time by stage: tracks, denoise, decode, cache_write, wait (for a turn), encode.
        control_to_photon_ms: From an event's time to the display of the first frame that it moved; one clock, the
            client's.
        round_trip_ms: What the client last said in `ping`.
        dropped: Frames that were left out.
        queued_frames: Frames that were made and not yet shown.
        recording_seconds: Of the recording that is going on; None where there is none.
    """

    type: Literal["stats"] = "stats"
    chunk: int
    frames: int
    fps_made: float | None
    fps_shown: float
    stages_ms: dict[str, float]
    control_to_photon_ms: Percentiles
    round_trip_ms: float | None
    dropped: int
    queued_frames: int
    recording_seconds: float | None


class Recorded(Message):
    """A recording is finished; its files lie under `api/recordings/{name}/`."""

    type: Literal["recorded"] = "recorded"
    name: str
    seconds: float
    files: tuple[str, ...]


class Pong(Message):
    """The answer to `Ping`: its time, and the server's."""

    type: Literal["pong"] = "pong"
    t_ms: float
    server_ms: float


class Error(Message):
    """Something was refused or failed; only a fatal one ends the connection.

    Attributes:
        code: For programs: "protocol" (the message), "input" (what it asks for), "access", "rate", "busy" (later
            perhaps), "model" (none, or out of memory), "failed" (a source of motion or a disk), "internal" (a bug).
        message: For people: what was wanted, what came, what to do.
        fatal: Whether the connection is closed.
    """

    type: Literal["error"] = "error"
    code: str
    message: str
    fatal: bool = False


ServerMessage = Annotated[
    Ready | Picture | State | Queued | Received | Applied | Report | Stats | Recorded | Pong | Error,
    Field(discriminator="type"),
]

_SERVER: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)


def parse_server_message(text: str | bytes) -> ServerMessage:
    """Check a message of a server.

    Raises:
        InputError: It is not JSON, has no known type, or a field is missing, unknown or out of range.
    """
    try:
        return _SERVER.validate_json(text)
    except ValidationError as error:
        raise refused(error) from error
