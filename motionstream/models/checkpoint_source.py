"""Where a checkpoint lies: a local folder, or a hub id that huggingface_hub fetches into its cache."""

import re
from os import PathLike
from pathlib import Path

from motionstream.errors import CheckpointError
from motionstream.models.weight_files import PICKLE_ENDINGS, refuse_pickle

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
WANTED_FILES = ["*.json", "*.safetensors", "tokenizer/*"]
PICKLED_FILES = [f"*{ending}" for ending in sorted(PICKLE_ENDINGS)]


def find_checkpoint(source: str | PathLike[str]) -> Path:
    """Returns the folder of a checkpoint, downloading it first where `source` is no local path but a hub id.

    Raises:
        CheckpointError: it is neither, it is a single file, or it cannot be fetched.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        raise _single_file(path)
    name = str(source)
    if HUB_ID.fullmatch(name):
        return _fetch(name, path)
    raise CheckpointError(
        f"No checkpoint at {path.absolute()}, and {name!r} is no hub id such as 'owner/name'. "
        "Give a folder with a model_index.json."
    )


def _single_file(path: Path) -> CheckpointError:
    if path.suffix in PICKLE_ENDINGS:
        return refuse_pickle(path)
    return CheckpointError(f"{path} is a file; wanted the folder of a checkpoint, the one with model_index.json.")


def _fetch(hub_id: str, path: Path) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, allow_patterns=WANTED_FILES, ignore_patterns=PICKLED_FILES))
    except Exception as error:  # The hub client raises its HTTP library's errors, which have no common base.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"No checkpoint folder at {path.absolute()}, and the hub id {hub_id!r} could not be fetched: {reason} "
            "Correct the path, or connect to the network, or sign in where the repository asks for it."
        ) from error
