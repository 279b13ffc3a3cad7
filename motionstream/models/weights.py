"""Stored tensors <-> a module: every tensor is checked by name, shape and dtype before one is loaded."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from motionstream.errors import CheckpointError, InputError, OutputError
from motionstream.models.weight_files import DIFFUSERS_STEM, StoredTensor

FLOAT_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}
STORAGE_DTYPES = (torch.bfloat16, torch.float16, torch.float32)
NAMES_SHOWN = 5


def load_weights(
    module: nn.Module,
    stored: Mapping[str, StoredTensor],
    *,
    where: Path,
    device: torch.device | str,
    dtype: torch.dtype,
    tied: frozenset[str] = frozenset(),
    float32_parts: frozenset[str] = frozenset(),
    narrower: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, int]:
    """Gives `module`, usually built on the meta device, the stored weights, cast to `dtype` on `device`.

    Args:
        module: receives the tensors themselves, nothing is copied into existing ones.
        stored: the module's parameter names -> tensors on disk.
        where: the folder, for messages.
        device: where the weights go.
        dtype: floating-point type of the loaded weights.
        tied: names that share another name's tensor in the module and need no stored one.
        float32_parts: names of submodules or parameters that stay float32 whatever `dtype` is.
        narrower: for a name, sizes of axis 1 (input channels) accepted besides the module's own; new slots are zero.

    Returns:
        Names that were narrower -> their stored size of axis 1.

    Raises:
        CheckpointError: names, shapes or dtypes differ; all differences are in one message.
    """
    expected = {name: tensor for name, tensor in module.state_dict().items() if name not in tied}
    widened = _widened(expected, stored, narrower or {})
    _check(expected, {name: tensor for name, tensor in stored.items() if name not in tied}, widened, where)
    dtypes = {name: torch.float32 if float32_parts & set(name.split(".")) else dtype for name in expected}
    state = _read({name: stored[name] for name in expected}, torch.device(device), dtypes)
    for name in widened:
        state[name] = _with_zero_slots(state[name], expected[name].shape[1])
    module.load_state_dict(state, strict=False, assign=True)
    if left := [name for name, tensor in module.named_buffers() if tensor.is_meta]:
        raise RuntimeError(f"{type(module).__name__} keeps {left} out of its state dict: do not build it on meta.")
    return widened


def save_weights(
    state: Mapping[str, Tensor], folder: Path, *, storage_dtype: torch.dtype, stem: str = DIFFUSERS_STEM
) -> None:
    """Writes tensors to `folder/stem.safetensors`, floating-point ones as `storage_dtype`.

    Raises:
        InputError: a storage type that is none of bfloat16, float16 and float32.
        OutputError: the file cannot be written.
    """
    check_storage_dtype(storage_dtype)
    cast = {
        name: tensor.detach().to("cpu", storage_dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in state.items()
    }
    path = folder / f"{stem}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(cast, path, metadata={"format": "pt"})
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{path} cannot be written: {error}. Free space, or choose another folder.") from error


def check_storage_dtype(dtype: torch.dtype) -> None:
    """Refuses a type that weights are not stored in.

    Raises:
        InputError: it is none of bfloat16, float16 and float32.
    """
    if dtype not in STORAGE_DTYPES:
        raise InputError(f"storage_dtype: wanted one of {', '.join(map(str, STORAGE_DTYPES))}, got {dtype}.")


def _widened(
    expected: Mapping[str, Tensor], stored: Mapping[str, StoredTensor], narrower: Mapping[str, Sequence[int]]
) -> dict[str, int]:
    widened = {}
    for name, widths in narrower.items():
        if name not in expected or name not in stored:
            continue
        wanted, got = tuple(expected[name].shape), stored[name].shape
        same_but_width = len(got) == len(wanted) and (*got[:1], *got[2:]) == (*wanted[:1], *wanted[2:])
        if same_but_width and got[1] < wanted[1] and got[1] in widths:
            widened[name] = got[1]
    return widened


def _check(
    expected: Mapping[str, Tensor], stored: Mapping[str, StoredTensor], widened: Mapping[str, int], where: Path
) -> None:
    common = sorted(expected.keys() & stored.keys())
    shapes = [
        f"{name} wanted {list(expected[name].shape)}, got {list(stored[name].shape)}"
        for name in common
        if name not in widened and tuple(expected[name].shape) != stored[name].shape
    ]
    dtypes = [
        f"{name} wanted {_wanted_dtype(expected[name])}, got {stored[name].dtype}"
        for name in common
        if not _dtype_fits(expected[name], stored[name].dtype)
    ]
    found = {
        "missing": sorted(expected.keys() - stored.keys()),
        "unexpected": sorted(stored.keys() - expected.keys()),
        "of wrong shape": shapes,
        "of wrong dtype": dtypes,
    }
    problems = [f"{len(names)} {kind}: {shown(names)}" for kind, names in found.items() if names]
    if problems:
        raise CheckpointError(
            f"{where}: the weights do not fit config.json. {'; '.join(problems)}. Give the configuration that they "
            "were trained with, or other weights."
        )


def shown(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _dtype_fits(tensor: Tensor, dtype: str) -> bool:
    if tensor.is_floating_point():
        return dtype in FLOAT_DTYPES
    return dtype == _wanted_dtype(tensor)


def _wanted_dtype(tensor: Tensor) -> str:
    if tensor.is_floating_point():
        return " or ".join(FLOAT_DTYPES)
    names = {torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL"}
    return names.get(tensor.dtype, str(tensor.dtype))


def _read(
    stored: Mapping[str, StoredTensor], device: torch.device, dtypes: Mapping[str, torch.dtype]
) -> dict[str, Tensor]:
    by_file: dict[Path, list[str]] = defaultdict(list)
    for name, tensor in stored.items():
        by_file[tensor.file].append(name)
    state: dict[str, Tensor] = {}
    for file, names in by_file.items():
        with safe_open(file, framework="pt", device=str(device)) as opened:
            for name in names:
                tensor = opened.get_tensor(stored[name].name)
                # On the CPU the tensor is a view of the mapped file: a copy is aligned, and outlives a changed file.
                wanted = dtypes[name] if tensor.is_floating_point() else tensor.dtype
                state[name] = tensor.to(dtype=wanted, copy=device.type == "cpu")
    return state


def _with_zero_slots(weight: Tensor, width: int) -> Tensor:
    wide = weight.new_zeros(weight.shape[0], width, *weight.shape[2:])
    wide[:, : weight.shape[1]] = weight
    return wide
