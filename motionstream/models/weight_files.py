"""Weight files on disk: which there are, and what each says of its tensors before one is loaded.

Pickled weights are never opened, because opening them can run a stranger's code.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from motionstream.errors import CheckpointError
from motionstream.models.json_file import read_json

DIFFUSERS_STEM = "diffusion_pytorch_model"
"""Name of a weight file in a diffusers folder, without its ending."""
TRANSFORMERS_STEM = "model"
"""Name of a weight file in a transformers folder, without its ending."""
PICKLE_ENDINGS = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})


@dataclass(frozen=True, kw_only=True)
class StoredTensor:
    """Where a tensor lies and what its file says of it; `dtype` in safetensors' words, such as `BF16`."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: str


def refuse_pickle(path: Path, stem: str = DIFFUSERS_STEM) -> CheckpointError:
    """The error for weights in a format that we do not open; says how to convert them."""
    return CheckpointError(
        f"{path} is a pickle, which can run code when opened; wanted safetensors. If you trust it, convert it once: "
        f"state = torch.load({path.name!r}, weights_only=True); "
        f"safetensors.torch.save_file(state, '{stem}.safetensors') "
        "(a training file first needs its inner dictionary, such as state['generator_ema'])."
    )


def find_weights(folder: Path, stem: str) -> tuple[Path, ...]:
    """Files that hold a module's weights: `stem.safetensors`, or the shards named in its index.

    Raises:
        CheckpointError: there is none, a shard is missing, or only pickles are there.
    """
    index = folder / f"{stem}.safetensors.index.json"
    if index.is_file():
        return _shards(index)
    single = folder / f"{stem}.safetensors"
    if single.is_file():
        return (single,)
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.suffix in PICKLE_ENDINGS:
                raise refuse_pickle(path, stem)
    raise CheckpointError(f"{single} is missing (and so is {index.name}): wanted the weights of {folder.name!r} there.")


def read_headers(files: Iterable[Path]) -> dict[str, StoredTensor]:
    """Names, shapes and dtypes of all tensors in `files`; no weight is loaded.

    Raises:
        CheckpointError: a file is damaged, or two files hold the same name.
    """
    stored: dict[str, StoredTensor] = {}
    for file in files:
        for tensor in _header(file):
            if tensor.name in stored:
                raise CheckpointError(f"{file}: {tensor.name} is also in {stored[tensor.name].file.name}; remove one.")
            stored[tensor.name] = tensor
    return stored


def _shards(index: Path) -> tuple[Path, ...]:
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise CheckpointError(f"{index}: wanted a 'weight_map' of tensor names to file names, found none.")
    files = sorted(set(map(str, names.values())))
    for name in files:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise CheckpointError(f"{index}: wanted safetensors files beside it, got {name!r}.")
        if not (index.parent / name).is_file():
            raise CheckpointError(f"{index.parent / name} is missing: {index.name} names it. Download it again.")
    return tuple(index.parent / name for name in files)


def _header(file: Path) -> list[StoredTensor]:
    try:
        with safe_open(file, framework="pt") as opened:
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118 (not a mapping)
            return [
                StoredTensor(file=file, name=name, shape=tuple(part.get_shape()), dtype=str(part.get_dtype()))
                for name, part in slices.items()
            ]
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file}: wanted safetensors, could not read it: {error}. Download it again.") from error
