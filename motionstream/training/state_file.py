"""The file that a run resumes from: there is always a whole one, whenever the power goes."""

import os
from pathlib import Path
from typing import Any

import torch

STATE_FILE = "state.pt"


def write_state(state: dict[str, Any], path: Path) -> None:
    """Writes a state beside the previous one, waits for the disk, then lets it take the other's place."""
    fresh = path.with_suffix(".new")
    torch.save(state, fresh)
    with fresh.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(fresh, path)


def read_state(path: Path) -> dict[str, Any]:
    """Reads a state; its tensors are mapped, so that many processes can each take their part of a large one."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return state
