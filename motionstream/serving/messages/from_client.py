"""Messages of the client."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from motionstream.serving.messages.message import Codec, Message, Presentation, refused

MAX_EVENTS = 256
"""Events in one message."""

_Time = Annotated[float, Field(ge=0, le=1e13, allow_inf_nan=False)]
_Sequence = Annotated[int, Field(ge=0, lt=2**53)]


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

_CLIENT: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)


def parse_client_message(text: str | bytes) -> ClientMessage:
    """Check a message of a client.

    Raises:
        InputError: It is not JSON, has no known type, or a field is missing, unknown or out of range.
    """
    try:
        return _CLIENT.validate_json(text)
    except ValidationError as error:
        raise refused(error) from error
