"""Where and in which number type a model runs, chosen by what the machine has."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from motionstream.errors import InputError

logger = logging.getLogger(__name__)

DTYPES: Mapping[str, torch.dtype] = MappingProxyType({"bfloat16": torch.bfloat16, "float32": torch.float32})
_CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")


def choose_device(wanted: torch.device | str = "auto") -> torch.device:
    """The device of a name such as "cpu" or "cuda:1"; "auto" is a CUDA device where there is one, else the CPU.

    Raises:
        InputError: There is no such device.
    """
    if str(wanted) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        logger.warning("No CUDA device found: the model runs on the CPU.")
        return torch.device("cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch has one for each way of lacking it
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"Device: wanted auto or one that torch can use, got {str(wanted)!r}: {reason}") from error
    if device.type == "meta":
        raise InputError("Device: wanted one that computes, got 'meta'. Choose auto, cpu or cuda.")
    return device


def choose_dtype(wanted: torch.dtype | str, device: torch.device) -> torch.dtype:
    """The number type of a name of `DTYPES`; "auto" is bfloat16 where the hardware computes in it, else float32.

    Raises:
        InputError: The name is none of these.
    """
    if isinstance(wanted, torch.dtype):
        wanted = str(wanted).removeprefix("torch.")
    if wanted == "auto":
        return torch.bfloat16 if _has_bfloat16(device) else torch.float32
    if wanted not in DTYPES:
        raise InputError(f"Number type: wanted auto, {' or '.join(DTYPES)}, got {wanted!r}.")
    if DTYPES[wanted] == torch.bfloat16 and not _has_bfloat16(device):
        logger.warning("%s has no bfloat16 arithmetic: it is emulated, and slower than float32.", device)
    return DTYPES[wanted]


def hardware(device: torch.device) -> dict[str, Any]:
    """What a claim of speed must carry: the processor, its cores and torch's threads, and the GPU in use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, Any] = {"cpu": _cpu_name(), "cores": cores, "threads": torch.get_num_threads()}
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def versions() -> dict[str, str]:
    """Versions of what the speed depends on."""
    import motionstream

    return {
        "motionstream": motionstream.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    if not hasattr(torch.cpu, "get_capabilities"):
        return False  # an older torch cannot tell
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in _CPU_BFLOAT16)


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
