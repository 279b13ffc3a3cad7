"""`motionstream providers`: where motion can come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from motionstream.cli.settings import settings_table
from motionstream.providers import discover, provider_class


@dataclass(frozen=True)
class Providers:
    """List the providers of motion, or the settings of one."""

    name: Annotated[str | None, tyro.conf.Positional] = None
    """Show the settings of this provider (a name or module:Class)."""

    def run(self) -> int:
        """Print the table."""
        from rich.console import Console
        from rich.table import Table

        console = Console(highlight=False)
        if self.name is not None:
            console.print(settings_table(provider_class(self.name)), markup=False)
            return 0
        table = Table("name", "distribution", "version", "state", box=None, padding=(0, 2, 0, 0))
        for entry in discover():
            state = f"{entry.state}: {entry.reason}" if entry.reason else entry.state
            table.add_row(entry.name, entry.distribution, entry.version, state)
        console.print(table)
        return 0
