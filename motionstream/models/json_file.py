"""JSON objects of a checkpoint, read and written."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motionstream.errors import CheckpointError


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object of a checkpoint.

    Raises:
        CheckpointError: the file is missing, unreadable or no JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing: the checkpoint is incomplete, copy or download it again.") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: wanted a JSON object, could not read it: {error}.") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: wanted a JSON object, got a {type(values).__name__}.")
    return values


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes a JSON object, indented, in the order given."""
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
