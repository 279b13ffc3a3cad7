"""GPUs that a training run can be planned for, and what their makers state of them.

Rates are those without sparsity and with float32 accumulation; a bandwidth counts one direction. Sources: NVIDIA's data
sheets of H100, H200, A100 (the SXM modules), HGX B200 and L40S, its Ada and Blackwell GPU architecture papers for RTX
4090 and RTX 5090, and for cards without NVLink the PCI Express generation (x16).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from motionstream.errors import InputError


@dataclass(frozen=True, kw_only=True)
class GPU:
    """What the maker states of a GPU.

    Attributes:
        name: What it is called on the command line.
        bfloat16_tflops: Dense; TF32, in which float32 convolutions run, has half of it on all that are listed.
        memory_gb: 10^9 bytes.
        memory_gbps: 10^9 bytes a second to and from that memory.
        link_gbps: 10^9 bytes a second to other GPUs, one direction.
    """

    name: str
    bfloat16_tflops: float
    memory_gb: float
    memory_gbps: float
    link_gbps: float

    @property
    def tf32_tflops(self) -> float:
        """Dense rate of float32 convolutions."""
        return self.bfloat16_tflops / 2


@dataclass(frozen=True)
class Machine:
    """So many GPUs of one kind, all linked as two neighbours are."""

    gpu: GPU
    count: int

    def __str__(self) -> str:
        return f"{self.count}x{self.gpu.name}"


def _gpu(name: str, bfloat16: float, memory: float, bandwidth: float, link: float) -> GPU:
    return GPU(
        name=name,
        bfloat16_tflops=bfloat16,
        memory_gb=memory,
        memory_gbps=bandwidth,
        link_gbps=link,
    )


_LISTED = (
    _gpu("H100-80GB", 989, 80, 3350, 450),
    _gpu("H200-141GB", 989, 141, 4800, 450),
    _gpu("B200-192GB", 2250, 192, 7700, 900),
    _gpu("A100-80GB", 312, 80, 2039, 300),
    _gpu("A100-40GB", 312, 40, 1555, 300),
    _gpu("L40S-48GB", 362, 48, 864, 32),
    _gpu("RTX5090-32GB", 209.5, 32, 1792, 64),
    _gpu("RTX4090-24GB", 165.2, 24, 1008, 32),
)

GPUS: Mapping[str, GPU] = MappingProxyType({gpu.name: gpu for gpu in _LISTED})
"""By name."""


def parse_machine(text: str) -> Machine:
    """Reads `8xH100-80GB`; without a number it is one GPU.

    Raises:
        InputError: The GPU is not listed, or there are none of it.
    """
    number, name = re.fullmatch(r"(?:(\d+)[xX])?(.*)", text.strip(), re.DOTALL).groups()  # type: ignore[union-attr]  # matches everything
    found = {known.lower(): gpu for known, gpu in GPUS.items()}.get(name.lower())
    if found is None or (number is not None and int(number) < 1):
        raise InputError(f"--gpus: wanted NxNAME, such as 8xH100-80GB, with one of {', '.join(GPUS)}; got {text!r}.")
    return Machine(found, 1 if number is None else int(number))
