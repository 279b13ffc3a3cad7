"""Who is told of a run while it trains."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motionstream.training.loop import Run


def _print(line: str) -> None:
    print(line, flush=True)


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is told of a run while it trains, in process 0; by default, lines are printed.

    Attributes:
        say: Takes a line whenever the curve gets a row.
        stepped: Takes how many steps are done, at the start and after each of them.
        preview: Takes the run every `preview_every` steps and at the end.
        preview_every: Steps between two previews; 0 for none.
    """

    say: Callable[[str], None] = _print
    stepped: Callable[[int], None] = lambda done: None
    preview: Callable[["Run"], object] = lambda run: None
    preview_every: int = 0


PRINTING = Watch()
"""Lines on stdout and nothing else."""
