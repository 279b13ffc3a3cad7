"""Tables: rows of figures as markdown, and as a JSON file that says where they come from."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from motionstream.errors import OutputError


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_json(path: Path, rows: Sequence[dict[str, Any]], **about: Any) -> None:
    """Write rows with the command, the date and the machine.

    Raises:
        OutputError: The file cannot be written.
    """
    machine = f"{platform.machine()} {platform.system()}, Python {platform.python_version()}"
    content = {
        "command": sys.argv,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        **about,
        "rows": list(rows),
    }
    try:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: could not be written: {error.strerror or error}. Choose another path.") from error
