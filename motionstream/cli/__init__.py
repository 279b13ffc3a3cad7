"""The command line: `motionstream generate | bench | providers | ...`.

A command is a frozen dataclass: its fields are the flags, its docstring is the help, its `run` does the work and
returns the exit code. Command files import torch inside `run` only, so that help and errors come at once.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from motionstream.cli.app import App
from motionstream.cli.bench import Bench
from motionstream.cli.bench_serve import BenchServe
from motionstream.cli.bench_transport import BenchTransport
from motionstream.cli.compare import Compare
from motionstream.cli.console import INTERRUPTED, log_to_console, print_error
from motionstream.cli.evaluate import Evaluate
from motionstream.cli.generate import Generate
from motionstream.cli.providers import Providers
from motionstream.cli.replay import Replay
from motionstream.cli.setting_flags import with_setting_flags
from motionstream.cli.train import Train
from motionstream.errors import MotionStreamError


class Command(Protocol):
    """What every command offers."""

    def run(self) -> int:
        """Do it; returns the exit code."""
        ...


COMMANDS: dict[str, Callable[..., Command]] = {
    "app": App,
    "generate": Generate,
    "replay": Replay,
    "bench": Bench,
    "bench-transport": BenchTransport,
    "bench-serve": BenchServe,
    "evaluate": Evaluate,
    "compare": Compare,
    "providers": Providers,
    "train": Train,
}
"""To add a command, add a line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code: 0, that of the error (see `motionstream.errors`), or 130."""
    import tyro

    arguments = _completed(sys.argv[1:] if arguments is None else arguments)
    if arguments == ["--version"]:
        from motionstream import __version__

        print(__version__)
        return 0
    log_to_console()
    try:
        command: Command = tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="motionstream",
            description="Drag a thing in a picture, and it moves.",
            args=arguments,
            config=(tyro.conf.DisallowNone,),  # to leave a flag out is the way to say None
        )
        return command.run()
    except MotionStreamError as error:
        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        print_error("interrupted")
        return INTERRUPTED


def _completed(arguments: Sequence[str]) -> list[str]:
    """`bench serve` as people write it -> `bench-serve`, the command's name; and what is a flag of a provider."""
    name = "-".join(arguments[:2])
    if len(arguments) > 1 and name in COMMANDS:
        return [name, *arguments[2:]]
    if arguments and arguments[0] == "generate":
        own = {field.name for field in dataclasses.fields(Generate)}
        return ["generate", *with_setting_flags(arguments[1:], own)]
    return list(arguments)
