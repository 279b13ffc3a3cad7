"""The socket's address, from what people paste."""

import pytest

from motionstream.client.address import live_address
from motionstream.errors import InputError


@pytest.mark.parametrize(
    ("pasted", "socket"),
    [
        ("127.0.0.1:7860", "ws://127.0.0.1:7860/ws/live"),
        ("http://127.0.0.1:7860/", "ws://127.0.0.1:7860/ws/live"),
        ("https://host/demo", "wss://host/demo/ws/live"),
        ("https://host/demo/?token=secret#tab", "wss://host/demo/ws/live"),
        ("ws://[::1]:7860/ws/live", "ws://[::1]:7860/ws/live"),
    ],
)
def test_the_socket_is_found(pasted: str, socket: str) -> None:
    assert live_address(pasted) == socket


@pytest.mark.parametrize("wrong", ["ftp://host", "http://", ""])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match="Address: wanted something like"):
        live_address(wrong)
