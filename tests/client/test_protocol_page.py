"""docs/protocol.md says what the code does: every message, every field, and a worked example that can be read."""

import re
import struct
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from motionstream.serving import messages
from motionstream.serving.messages import (
    SUBPROTOCOL,
    ClientMessage,
    ServerMessage,
    parse_client_message,
    parse_server_message,
)
from motionstream.serving.packet import HEADER, Flag, Kind, Packet

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"^([CS]) (.+)$", PAGE, re.MULTILINE)


def _types(union: Any) -> list[type[BaseModel]]:
    members, *_ = get_args(union)
    return list(get_args(members))


MESSAGES = _types(ClientMessage) + _types(ServerMessage)


def _type_of(message: type[BaseModel]) -> str:
    return str(message.model_fields["type"].default)


def _fields(message: type[BaseModel]) -> set[str]:
    """Of a message and of the messages in it."""
    inner = re.findall(r"\b(TimedInput|ProviderInfo|Percentiles)\b", str(message.model_fields))
    names = set(message.model_fields) - {"type"}
    return names.union(*(getattr(messages, name).model_fields for name in inner))


@pytest.mark.parametrize("message", MESSAGES, ids=_type_of)
def test_every_message_has_a_row_that_names_its_fields(message: type[BaseModel]) -> None:
    rows = [row for row in PAGE.splitlines() if row.startswith(f"| `{_type_of(message)}` |")]
    assert len(rows) == 1
    missing = [name for name in _fields(message) if f"`{name}`" not in rows[0]]
    assert not missing


@pytest.mark.parametrize("message", _types(ClientMessage), ids=_type_of)
def test_what_may_be_left_out_is_marked(message: type[BaseModel]) -> None:
    (row,) = [row for row in PAGE.splitlines() if row.startswith(f"| `{_type_of(message)}` |")]
    marked = set(re.findall(r"`(\w+)`\?", row))
    assert marked == {name for name, field in message.model_fields.items() if not field.is_required()} - {"type"}


def test_the_worked_example_is_made_of_valid_messages_of_every_type() -> None:
    seen = {}
    for side, text in EXAMPLE:
        if text.startswith("{"):
            message = (parse_client_message if side == "C" else parse_server_message)(text)
            seen[side, message.type] = message
    wanted = {("C", _type_of(each)) for each in _types(ClientMessage)}
    wanted |= {("S", _type_of(each)) for each in _types(ServerMessage)}
    assert set(seen) == wanted


def test_the_worked_examples_bytes_are_what_the_page_says() -> None:
    up, down = (
        Packet.from_bytes(bytes.fromhex(text.removesuffix("..."))) for _, text in EXAMPLE if text.startswith("4d")
    )
    assert up.kind == Kind.PICTURE
    assert (down.kind, down.flags, down.generation) == (Kind.H264, Flag.KEY | Flag.CHUNK_START, 1)
    assert (down.sequence, down.chunk, down.frame) == (9, 1, 9)
    assert (down.time_ms, down.input_ms) == (562.5, 5210.4)
    assert 5840.0 - down.input_ms == pytest.approx(629.6)


def test_the_header_table_gives_the_offsets_of_the_header() -> None:
    rows = re.findall(r"^\| (\d+) \| (4 bytes|u8|u16|u32|f64) \|(?: (\w+))? \|", PAGE, re.MULTILINE)
    codes = {"4 bytes": "4s", "u8": "B", "u16": "H", "u32": "I", "f64": "d"}
    layout = "<"
    for offset, kind, _ in rows:
        assert struct.calcsize(layout) == int(offset)
        layout += codes[kind]
    assert struct.calcsize(layout) == HEADER.size == 40
    assert [name for *_, name in rows if name] == [
        "magic",
        "kind",
        "flags",
        "generation",
        "sequence",
        "chunk",
        "frame",
        "time_ms",
        "input_ms",
    ]


def test_every_kind_of_payload_and_the_subprotocol_are_named() -> None:
    assert SUBPROTOCOL in PAGE
    for kind in Kind:
        assert f"| {kind.value} `{kind.name}` |" in PAGE
