"""A training run on the terminal: a progress bar with the time left, the loop's lines above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from motionstream.cli.console import notes

if TYPE_CHECKING:
    from motionstream.training.loop import Run, Watch


@contextmanager
def watched(steps: int, preview: Callable[[Run], object], preview_every: int) -> Iterator[Watch]:
    """Shows a run of `steps` steps for as long as the block lasts.

    Args:
        steps: Where the run ends.
        preview: Draws what a run has learnt so far.
        preview_every: Steps between two pictures; 0 for none.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from motionstream.training.distributed import is_first
    from motionstream.training.loop import Watch

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=notes(), speed_estimate_period=300, disable=not is_first()) as progress:
        task = progress.add_task("training", total=steps)
        yield Watch(
            say=lambda line: progress.console.print(line, markup=False),
            stepped=lambda done: progress.update(task, completed=done),
            preview=preview,
            preview_every=preview_every,
        )
