"""Where the command line speaks: results on stdout; notes, progress and errors on stderr."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def notes() -> Console:
    """The console for everything that is not the result."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def log_to_console() -> None:
    """Show what the library has to say, one line each."""
    logger = logging.getLogger("motionstream")
    logger.handlers[:] = [_Handler()]
    logger.setLevel(logging.INFO)


def say(note: str) -> None:
    """A line that is neither result nor error; never wrapped, so that a path in it can be copied."""
    print(note, file=sys.stderr)


def print_error(error: BaseException | str) -> None:
    """One line, however many the message has."""
    print("error:", " ".join(str(error).split()), file=sys.stderr)


class _Handler(logging.Handler):
    """Prints above a progress bar where there is one: rich takes over stderr while it shows one.

    What a server survives but did not expect comes with its traceback: nobody else sees it.
    """

    _formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        say(f"{'error' if record.levelno >= logging.ERROR else 'note'}: {record.getMessage()}")
        if record.exc_info:
            say(self._formatter.formatException(record.exc_info))
