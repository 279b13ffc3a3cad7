"""Whatever a client sends, it is answered, and the stream and its neighbours go on."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motionstream.serving.messages import (
    Ack,
    Configure,
    Cut,
    Error,
    Events,
    Pong,
    Prompt,
    Record,
    Seek,
    Start,
    TimedInput,
)
from motionstream.serving.packet import MAGIC, Kind, Packet

VALID = [
    message.model_dump(mode="json")
    for message in (
        Start(prompt="x", timesteps=(1000.0, 500.0), sink_frames=3, window_frames=3, settings={"radius": 0.1}),
        Prompt(text="y"),
        Events(seq=1, events=(TimedInput(t_ms=1, event={"type": "press", "x": 0.5, "y": 0.5}),)),
        Seek(chunk=1),
        Cut(prompt="z"),
        Record(on=True),
        Ack(packet=1, shown_ms=2),
        Configure(presentation="drop", quality=50, tracks=False),
    )
] + [{"type": name} for name in ("pause", "resume", "stop", "key")]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid message of which one field has another value, or is not there, or is one too many."""
    message = dict(draw(st.sampled_from(VALID)))
    field = draw(st.sampled_from(sorted(message)) | st.text(max_size=10))
    match draw(st.integers(0, 2)):
        case 0:
            message.pop(field, None)
        case 1:
            message[field] = draw(json_values)
        case _:
            message[field] = draw(st.sampled_from([-1, 0, 1e308, float("nan"), float("inf"), "", [], {}, None, 2**70]))
    return json.dumps(message)


packets = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=100).map(lambda tail: MAGIC + tail),
    st.binary(max_size=100).map(lambda payload: Packet(kind=Kind.PICTURE, payload=payload).to_bytes()),
    st.tuples(st.binary(max_size=60), st.floats()).map(
        lambda given: Packet(kind=Kind.CAMERA, payload=b"\xff\xd8\xff" + given[0], time_ms=given[1]).to_bytes()
    ),
    st.sampled_from(list(Kind)).map(lambda kind: Packet(kind=kind, payload=b"x").to_bytes()),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    messages=st.lists(st.text(max_size=100) | mutated() | packets, min_size=1, max_size=25),
    provider=st.sampled_from(["drag", "webcam"]),
)
def test_nothing_that_a_client_sends_stops_its_connection_or_another_stream(fuzzed, messages, provider):
    studio, neighbour = fuzzed
    visitor = studio.enter()
    visitor.start(seed=1, provider=provider)
    for message in messages:
        visitor.send(message)
    visitor.send('{"type": "ping", "t_ms": 77}')
    assert visitor.until(lambda got: isinstance(got, Pong) and got.t_ms == 77)
    for error in (got for got in visitor.received if isinstance(got, Error)):
        assert error.code in ("protocol", "input", "rate", "busy", "failed")
        assert len(error.message) > 10
    visitor.start(seed=2)
    visitor.send('{"type": "configure", "presentation": "backpressure"}')
    generation = visitor.until(lambda got: getattr(got, "seed", None) == 2).generation
    assert visitor.frame(lambda packet: packet.generation == generation and packet.frame > 2)
    visitor.send('{"type": "bye"}')
    neighbour.frame()
    neighbour.received.clear()


@pytest.fixture
def fuzzed(open_studio, tmp_path):
    studio = open_studio(pictures_per_second=1000, messages_per_second=1e6, max_streams=8, recordings=tmp_path)
    neighbour = studio.enter()
    neighbour.start()
    neighbour.frames(10)
    yield studio, neighbour
    neighbour.frames(30)
    assert not [got for got in neighbour.received if isinstance(got, Error)]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=st.text(max_size=100) | mutated() | packets)
def test_whatever_comes_in_place_of_hello_is_refused_with_a_reason(open_studio_once, first):
    visitor = open_studio_once.visit()
    visitor.send(first)
    with pytest.raises(Exception, match="4400"):
        visitor.until(lambda got: False, seconds=5)
    assert visitor.received[-1].fatal


@pytest.fixture
def open_studio_once(open_studio):
    return open_studio()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"type": "events", "seq": 0, "events": [{"t_ms": 1, "event": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}]}",
        '{"type": "prompt", "text": "' + "x" * 3_000_000 + '"}',
        '{"type": "hello", "version": 1}',
        '{"type": "\\ud800"}',
        "",
    ],
    ids=["deep list", "deep event", "too long", "second hello", "half a character", "nothing"],
)
def test_messages_that_are_made_to_hurt_are_refused(open_studio, text):
    visitor = open_studio().enter()
    visitor.send(text)
    assert visitor.until(Error).code in ("protocol", "input")
    visitor.send('{"type": "ping", "t_ms": 77}')
    assert visitor.until(Pong)


def test_a_client_that_is_too_fast_is_slowed_down_and_told_but_loses_nothing(open_studio):
    visitor = open_studio(events_per_second=50).enter()
    visitor.start(paused=True)
    visitor.state("paused")
    for seq in range(80):
        visitor.drag(seq, (0.5, 0.5))
    assert visitor.until(Error).code == "rate"
    assert visitor.until(lambda got: getattr(got, "seq", None) == 79)


def test_a_client_that_says_nothing_is_shown_out(open_studio):
    visitor = open_studio(first_message_seconds=0.2).visit()
    with pytest.raises(Exception, match="4408"):
        visitor.until(lambda got: False, seconds=5)


def test_a_client_that_asks_and_asks_and_does_not_read_is_shown_out(open_studio):
    studio = open_studio(messages_per_second=1e6)
    visitor = studio.enter()
    stream = next(iter(studio.client.app.state.streams.all))

    async def flood() -> None:
        for number in range(2000):
            stream._client.post(Error(code="input", message=str(number)))

    studio.client.portal.call(flood)
    with pytest.raises(Exception, match="4408"):
        visitor.until(lambda got: False, seconds=10)
