"""`motionstream compare`: several measurements on the same clips as one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from motionstream.errors import InputError, OutputError


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Put what `motionstream evaluate --data ... --out DIR` measured of several models into one markdown table."""

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Their folders; all must be measured on the same clips."""
    out: Path | None = None
    """Write the table to this file instead of printing it."""

    def run(self) -> int:
        """Compare."""
        from motionstream.evaluation.comparison import markdown
        from motionstream.evaluation.summary import Summary

        if not self.folders:
            raise InputError("compare: wanted the folders of some measurements, got none.")
        text = markdown([Summary.load(folder) for folder in self.folders])
        if self.out is None:
            print(text, end="")
            return 0
        try:
            self.out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{self.out}: the table could not be written: {error.strerror or error}. Choose another path."
            ) from error
        print(self.out)
        return 0
