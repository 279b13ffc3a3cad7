"""CoTracker3 online (Karaev et al. 2024): a trained tracker, for points that turn away or pass behind things."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from jaxtyping import Float32, UInt8

from motionstream.errors import CheckpointError, InputError
from motionstream_webcam.online_windows import OnlineWindow, OnlineWindows
from motionstream_webcam.tracker import Sighting, TrackerInfo, TrackerOptions

INSTALL_COMMAND: Final = "pip install git+https://github.com/facebookresearch/co-tracker"
HUB_ID: Final = "facebook/cotracker3"
WEIGHTS_FILE: Final = "scaled_online.pth"
WINDOW_FRAMES: Final = 16
STEP_FRAMES: Final = WINDOW_FRAMES // 2
_LICENSE = "CC BY-NC 4.0: code and weights are for non-commercial use"
_GROWING = ("online_coords_predicted", "online_vis_predicted", "online_conf_predicted")


class CoTracker3Online:
    """The online model of the package `cotracker`, fed as its own online demo feeds it.

    Written against the public interface of that package's version 3.0 and run with random weights alone, never with
    the published ones.
    """

    info: ClassVar[TrackerInfo] = TrackerInfo(
        name="cotracker3", first_after=WINDOW_FRAMES, every=STEP_FRAMES, license=_LICENSE
    )

    def __init__(self, options: TrackerOptions | None = None, *, predictor: Any = None) -> None:
        """Load it.

        Args:
            options: Weights file, by default fetched from the hub; and device.
            predictor: A `CoTrackerOnlinePredictor` that is loaded already.

        Raises:
            InputError: The package is not installed.
            CheckpointError: The weights cannot be read.
        """
        options = options or TrackerOptions()
        self._device = _device(options.device)
        loaded = _load(options.weights) if predictor is None else predictor
        self._predictor = loaded.to(self._device).eval()
        logging.getLogger("motionstream").warning("Tracker cotracker3: its license is %s.", _LICENSE)

    def start(self, frame: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "n 2"]) -> None:
        """Begin with points of a picture, and forget those before."""
        import torch

        centred = np.concatenate([np.zeros((len(points), 1)), np.asarray(points) - 0.5], axis=1)  # frame, x, y
        self._queries = torch.from_numpy(centred).float()[None].to(self._device)
        self._windows = OnlineWindows(STEP_FRAMES)
        self._windows.add(frame)
        self._first = True

    def track(self, frame: UInt8[np.ndarray, "h w 3"]) -> tuple[Sighting, ...]:
        """Where the points are in the last 8 pictures, at every 8th; nothing before the 16th."""
        window = self._windows.add(frame)
        if window is None:
            return ()
        positions, visible = self._call(window)
        if window.first:
            return ()
        count = window.num_new - self._first  # the very first picture was given, not found
        self._first = False
        self._forget_the_past()
        xy = positions[0, -count:].float().cpu().numpy() + np.float32(0.5)
        seen = visible[0, -count:].bool().cpu().numpy()
        return tuple(
            Sighting(xy=place, visible=found, confidence=found.astype(np.float32))
            for place, found in zip(np.nan_to_num(xy), seen & np.isfinite(xy).all(axis=-1), strict=True)
        )

    def _call(self, window: OnlineWindow) -> tuple[Any, Any]:
        import torch

        video = torch.from_numpy(np.stack(window.frames)).permute(0, 3, 1, 2)[None].float()  # 1 t 3 h w, 0..255
        with torch.inference_mode():
            result: tuple[Any, Any] = self._predictor(
                video.to(self._device),
                is_first_step=window.first,
                queries=self._queries if window.first else None,
                add_support_grid=True,
            )
        return result

    def _forget_the_past(self) -> None:
        """Keep of the model's own answers those of the last window, which is all that it reads: a stream is endless."""
        model = self._predictor.model
        if all(getattr(model, name, None) is not None for name in _GROWING):
            for name in _GROWING:
                setattr(model, name, getattr(model, name)[:, -WINDOW_FRAMES:])
            model.online_ind = STEP_FRAMES


def _device(wanted: str) -> str:
    import torch

    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _load(weights: Path | None) -> Any:
    import torch

    try:
        from cotracker.predictor import CoTrackerOnlinePredictor  # type: ignore[import-not-found]
    except ImportError as error:
        raise InputError(
            f"Tracker: wanted the package cotracker, could not import it: {error}. Install it with "
            f"`{INSTALL_COMMAND}`, or choose the tracker lucas-kanade."
        ) from error
    predictor = CoTrackerOnlinePredictor(checkpoint=None, window_len=WINDOW_FRAMES)
    try:
        file = weights or _fetched()
        state = torch.load(file, map_location="cpu", weights_only=True)  # nothing in the file is executed
        predictor.model.load_state_dict(state.get("model", state))
    except Exception as error:  # a download, a file, a pickle or a network that does not fit, each fails in its own way
        raise CheckpointError(
            f"{weights or HUB_ID}: wanted CoTracker3's weights, could not load them: {error}. "
            f"Download {WEIGHTS_FILE} of {HUB_ID} and give its path."
        ) from error
    return predictor


def _fetched() -> str:
    from huggingface_hub import hf_hub_download

    return str(hf_hub_download(HUB_ID, WEIGHTS_FILE))
