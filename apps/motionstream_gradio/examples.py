"""Example pictures with a prompt and a motion: `examples/studio.json` in a clone of the repository."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "examples"


@cache
def load_examples() -> list[dict[str, Any]]:
    """Name, image, thumbnail, script, prompt and seed of each; none without a clone of the repository."""
    listing = FOLDER / "studio.json"
    if not listing.is_file():
        return []
    examples: list[dict[str, Any]] = json.loads(listing.read_text(encoding="utf-8"))
    return examples
