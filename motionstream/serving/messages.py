"""Messages of the protocol: JSON text, one object with a "type"; `packet` has the binary ones.

Times named `_ms` are milliseconds. A client's times are by its own monotonic clock (`performance.now()` in a page), the
server's by its own; they are only ever compared with times of the same clock, or through the offset that `ping` gives.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from motionstream.errors import InputError

PROTOCOL_VERSION = 1
SUBPROTOCOL = "motionstream.v1"

MAX_EVENTS = 256
"""Events in one message."""

Codec = Literal["jpeg", "h264", "vp8"]
Presentation = Literal["backpressure", "drop"]
StreamStatus = Literal["idle", "queued", "streaming", "paused", "stopped", "failed"]

_Time = Annotated[float, Field(ge=0, le=1e13, allow_inf_nan=False)]
_Sequence = Annotated[int, Field(ge=0, lt=2**53)]


class Message(BaseModel):
    """What all messages share: they are values, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Hello(Message):
    """The first message of a client, within five seconds.

    Attributes:
        version: `PROTOCOL_VERSION`.
        token: What the server asks for where it is not on the loopback; see `serving.access`.
        resume: The resume token of an earlier `Ready`: take that stream up again. Its older connection is closed.
        codecs: What the client can show, best first; the server takes the first that it has.
        tracks: Send the tracks of every chunk, to be drawn over the video.
    """

    type: Literal["hello"] = "hello"
    version: int
    token: Annotated[str, Field(max_length=4096)] | None = None
    resume: Annotated[str, Field(max_length=256)] | None = None
    codecs: tuple[Codec, ...] = Field(default=("jpeg",), min_length=1, max_length=8)
    tracks: bool = True


class Start(Message):
    """Begin a video from the picture that was sent last; a running one ends.

    Attributes:
        prompt: What the video shows.
        seed: The same seed and input give the same frames.
        provider: An announced name of a provider of motion.
        settings: The provider's settings; those left out keep their defaults.
        fit: How a picture of another shape is brought to the model's size.
        timesteps: Denoising timesteps in place of the checkpoint's.
        sink_frames: Latent frames of the attention sink, in place of the checkpoint's.
        window_frames: Latent frames of the window, in place of the checkpoint's.
        paused: Show the picture, and wait for `resume` before the first chunk.
    """

    type: Literal["start"] = "start"
    prompt: str = Field(default="", max_length=2000)
    seed: int = Field(default=0, ge=0, lt=2**53)
    provider: str = Field(default="drag", pattern=r"^[\w.+-]{1,64}$")
    settings: dict[str, Any] = Field(default_factory=dict)
    fit: Literal["crop", "pad"] = "crop"
    timesteps: tuple[float, ...] | None = Field(default=None, min_length=1, max_length=50)
    sink_frames: int | None = Field(default=None, ge=0, le=240)
    window_frames: int | None = Field(default=None, ge=0, le=240)
    paused: bool = False


class Prompt(Message):
    """Change the prompt from the next chunk on."""

    type: Literal["prompt"] = "prompt"
    text: str = Field(max_length=2000)


class TimedInput(Message):
    """Something a user did.

    Attributes:
        t_ms: When, by the client's clock.
        event: What, as the provider of motion reads it: an object with a "type". Without `time_seconds`, which the
            server sets.
    """

    t_ms: _Time
    event: dict[str, Any]


class Events(Message):
    """What the user did since the last message, in order; event i has the sequence number `seq` + i."""

    type: Literal["events"] = "events"
    seq: _Sequence
    events: tuple[TimedInput, ...] = Field(min_length=1, max_length=MAX_EVENTS)


class Pause(Message):
    """Make no more chunks, and let others have the turn; what the user does is kept for the next chunk."""

    type: Literal["pause"] = "pause"


class Resume(Message):
    """Go on."""

    type: Literal["resume"] = "resume"


class Stop(Message):
    """End the video; its control log and recording stay."""

    type: Literal["stop"] = "stop"


class Seek(Message):
    """Go back to the beginning of a chunk and branch from there; 0 is a reset. Frames of the old branch are dropped."""

    type: Literal["seek"] = "seek"
    chunk: int = Field(ge=0, lt=2**31)


class Cut(Message):
    """Go on from the picture that was sent last, as after a scene cut."""

    type: Literal["cut"] = "cut"
    prompt: str | None = Field(default=None, max_length=2000)
    fit: Literal["crop", "pad"] = "crop"


class Record(Message):
    """Begin or end a recording on the server."""

    type: Literal["record"] = "record"
    on: bool


class Ack(Message):
    """The client has shown the frame of a packet, and with it all before; sent after drawing.

    Attributes:
        packet: The packet's sequence number.
        shown_ms: When, by the client's clock.
    """

    type: Literal["ack"] = "ack"
    packet: _Sequence
    shown_ms: _Time


class KeyFrame(Message):
    """The client's decoder needs a key frame."""

    type: Literal["key"] = "key"


class Configure(Message):
    """Change how frames are sent; what is left out stays.

    Attributes:
        presentation: A client that is behind makes the generator wait ("backpressure": late but complete), or frames
            are left out ("drop").
        quality: JPEG quality 1 to 100; for video codecs it is mapped to a rate factor.
        tracks: Send the tracks of every chunk.
    """

    type: Literal["configure"] = "configure"
    presentation: Presentation | None = None
    quality: int | None = Field(default=None, ge=1, le=100)
    tracks: bool | None = None


class Ping(Message):
    """Answered by `Pong` at once.

    Attributes:
        t_ms: Now, by the client's clock.
        round_trip_ms: What the client measured by earlier pings: the server plans the next chunk that much earlier.
    """

    type: Literal["ping"] = "ping"
    t_ms: _Time
    round_trip_ms: _Time | None = None


class Bye(Message):
    """The client leaves for good: its stream ends without the time-out."""

    type: Literal["bye"] = "bye"


ClientMessage = Annotated[
    Hello
    | Start
    | Prompt
    | Events
    | Pause
    | Resume
    | Stop
    | Seek
    | Cut
    | Record
    | Ack
    | KeyFrame
    | Configure
    | Ping
    | Bye,
    Field(discriminator="type"),
]


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
    Ready | Picture | State | Queued | Received | Applied | Stats | Recorded | Pong | Error,
    Field(discriminator="type"),
]

_CLIENT: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
_SERVER: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)


def parse_client_message(text: str | bytes) -> ClientMessage:
    """Check a message of a client.

    Raises:
        InputError: It is not JSON, has no known type, or a field is missing, unknown or out of range.
    """
    try:
        return _CLIENT.validate_json(text)
    except ValidationError as error:
        raise _refused(error) from error


def parse_server_message(text: str | bytes) -> ServerMessage:
    """Check a message of a server.

    Raises:
        InputError: As for `parse_client_message`.
    """
    try:
        return _SERVER.validate_json(text)
    except ValidationError as error:
        raise _refused(error) from error


def _refused(error: ValidationError) -> InputError:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, problem["loc"])) or "the message"
    return InputError(f"Message: {where}: {problem['msg']}. See docs/protocol.md.")
