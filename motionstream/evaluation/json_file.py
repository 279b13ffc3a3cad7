"""Results as JSON: plain values, and null for what could not be measured."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from motionstream.errors import OutputError


def plain(value: Any) -> Any:
    """Dataclasses as objects, tuples as lists, paths as text, infinite and undefined numbers as null."""
    if hasattr(value, "__dataclass_fields__"):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """Write a result.

    Raises:
        OutputError: The file cannot be written.
    """
    text = json.dumps(plain(value), indent=1, allow_nan=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{path}: wanted to write a report, could not: {error.strerror}. Choose another path."
        ) from error
