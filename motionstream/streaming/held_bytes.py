"""How much memory a value holds on to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def held_bytes(value: Any) -> int:
    """Bytes of all tensors and arrays in a value, whatever it is made of; shared storage counts once.

    A view counts with all of its storage, because it keeps all of it alive.
    """
    found: dict[int, int] = {}
    _find(value, found)
    return sum(found.values())


def _find(value: Any, found: dict[int, int]) -> None:
    if isinstance(value, torch.Tensor):
        storage = value.untyped_storage()
        found[storage.data_ptr()] = storage.nbytes()
    elif isinstance(value, np.ndarray):
        owner = value if value.base is None else value.base
        found[id(owner)] = value.nbytes
    elif isinstance(value, list | tuple):
        for part in value:
            _find(part, found)
    elif isinstance(value, Mapping):
        _find(list(value.values()), found)
    elif hasattr(value, "__dict__"):
        _find(vars(value), found)
