"""The command that opens the studio says what is wrong before it loads a model."""

import socket

import pytest

from motionstream.cli import main


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--auth", "ada"], "--auth: wanted user:password"),
        (["--tab", "dreg"], "--tab: wanted one of drag"),
        (["--token", "short"], "--token: String should have at least 8 characters"),
        (["--max-streams", "0"], "--max-streams: Input should be greater than or equal to 1"),
        (["--port", "70000"], "--port: "),
    ],
)
def test_a_wrong_flag_is_named(flags, message, capsys, tmp_path):
    assert main(["app", "--no-browser", "--recordings", str(tmp_path), *flags]) == 2
    assert message in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["app", "--no-browser", "--no-ui", "--recordings", str(tmp_path), "--port", str(port)]) == 2
    assert f"--port {port}: Address already in use. Choose another" in capsys.readouterr().err
