"""CoTracker3 (Karaev et al. 2024): a trained tracker that follows points through flat places and behind things."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import UInt8

from motionstream.errors import CheckpointError, InputError
from motionstream.tracks import Tracks
from motionstream.training.videos.tracker import scattered_points

INSTALL_COMMAND: Final = "pip install git+https://github.com/facebookresearch/co-tracker"
HUB_ID: Final = "facebook/cotracker3"
WEIGHTS_FILE: Final = "scaled_offline.pth"
_WINDOW_FRAMES = 60  # of the published offline model


class CoTracker3:
    """The offline model of the package `cotracker`, as a tracker.

    Written against the public interface of that package's version 3.0 and run with random weights alone, never with
    the published ones. Code and weights are licensed for non-commercial use (CC BY-NC 4.0).
    """

    def __init__(self, weights: Path | None = None, device: str = "cpu") -> None:
        """Load it.

        Args:
            weights: `scaled_offline.pth`; by default it is fetched from the hub.
            device: Where it runs.

        Raises:
            InputError: The package is not installed.
            CheckpointError: The weights cannot be read.
        """
        try:
            from cotracker.predictor import CoTrackerPredictor  # type: ignore[import-not-found]
        except ImportError as error:
            raise InputError(
                f"Tracker: wanted the package cotracker, could not import it: {error}. Install it with "
                f"`{INSTALL_COMMAND}`, or choose the tracker lucas-kanade."
            ) from error
        predictor = CoTrackerPredictor(checkpoint=None, offline=True, v2=False, window_len=_WINDOW_FRAMES)
        _load_weights(predictor.model, weights)
        self._predictor: Any = predictor.to(device).eval()
        self._device = device

    @torch.inference_mode()
    def __call__(self, frames: UInt8[np.ndarray, "t h w 3"]) -> Tracks:
        """Follows a jittered grid of points of frame 0."""
        size = np.array([frames.shape[2], frames.shape[1]])
        points = scattered_points(frames[0])
        centred = points * size - 0.5  # it counts pixels from their centres
        queries = np.concatenate([np.zeros((len(points), 1)), centred], axis=1)  # frame, x, y
        video = torch.from_numpy(frames).permute(0, 3, 1, 2)[None].float().to(self._device)  # 1 t 3 h w, 0..255
        positions, visible = self._predictor(video, queries=torch.from_numpy(queries)[None].float().to(self._device))
        xy = (positions[0].float().cpu().numpy() + 0.5) / size
        return Tracks(ids=np.arange(len(points)), xy=xy, visible=visible[0].bool().cpu().numpy())


def _load_weights(model: torch.nn.Module, path: Path | None) -> None:
    from huggingface_hub import hf_hub_download

    try:
        file = path or hf_hub_download(HUB_ID, WEIGHTS_FILE)
        state = torch.load(file, map_location="cpu", weights_only=True)  # nothing in the file is executed
        model.load_state_dict(state.get("model", state))
    except Exception as error:  # a download, a file, a pickle or a network that does not fit, each fails in its own way
        raise CheckpointError(
            f"{path or HUB_ID}: wanted CoTracker3's weights, could not load them: {error}. "
            f"Download {WEIGHTS_FILE} of {HUB_ID} and give its path."
        ) from error
