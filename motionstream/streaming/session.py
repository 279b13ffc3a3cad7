"""StreamSession: one video in the making. All that is forgotten when it ends is one value, `SessionState`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from motionstream.config import StreamConfig
from motionstream.errors import InputError, TracksError
from motionstream.models.kv_cache import KVCache
from motionstream.models.track_condition import Newest
from motionstream.models.track_memory import TrackMemory
from motionstream.models.vae.protocol import StreamState
from motionstream.models.wan.transformer import PromptContext
from motionstream.streaming.held_bytes import held_bytes
from motionstream.streaming.image import Fit, FittedImage, fit_image
from motionstream.streaming.model import StreamModel, to_uint8
from motionstream.streaming.profiling import StageTimes, Stopwatch
from motionstream.streaming.sampler import denoise_chunk, write_chunk
from motionstream.streaming.scene import Scene
from motionstream.streaming.sink import SinkPolicy, SinkRefresh, advance_sink
from motionstream.tracks import Tracks

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoChunk:
    """Finished video frames.

    Attributes:
        index: Number of the chunk.
        start_frame: Number of its first video frame.
        frames: RGB, uint8.
        tracks: The motion that was asked for in these frames.
        timings: How long it took.
    """

    index: int
    start_frame: int
    frames: UInt8[np.ndarray, "t h w 3"]
    tracks: Tracks
    timings: StageTimes


@dataclass(frozen=True, eq=False)
class _Unwritten:
    """A finished chunk that is not in the cache yet."""

    index: int
    latents: Float[Tensor, "1 c f h w"]
    condition: Float[Tensor, "1 m f h w"]
    context: PromptContext


@dataclass(frozen=True, kw_only=True, eq=False)
class SessionState:
    """A stream between two chunks.

    Attributes:
        num_chunks: Chunks made so far.
        picture: The fitted picture that the present scene starts from.
        newest: The newest video frame and its latent frame; before the first chunk the picture's.
        noise: State of the generator that draws the noise.
        prompt: The prompt in words.
        context: The prompt as the network reads it.
        tracks: Where each living point was born and last seen.
        cache: Keys and values of the chunks that are remembered: the only part that a session changes in place.
        decoder: What the decoder remembers of the frames before; None before the first chunk.
        sink: When the sink is replaced.
        refresh: How far it is, while it is being replaced.
    """

    num_chunks: int
    picture: FittedImage
    newest: Newest
    noise: Tensor
    prompt: str
    context: PromptContext
    tracks: TrackMemory
    cache: KVCache
    decoder: StreamState | None
    sink: SinkPolicy
    refresh: SinkRefresh | None

    @classmethod
    @torch.inference_mode()
    def start(cls, model: StreamModel, picture: FittedImage, prompt: str, seed: int) -> Self:
        """The state of a stream that has a picture and no chunk yet."""
        scene = Scene.opening(model, picture.pixels)
        return cls(
            num_chunks=0,
            picture=picture,
            newest=scene.newest,
            noise=_generator(seed).get_state(),
            prompt=prompt,
            context=model.encode_prompt(prompt),
            tracks=scene.tracks,
            cache=model.new_cache(),
            decoder=scene.decoder,
            sink=SinkPolicy(),
            refresh=None,
        )

    @property
    def num_bytes(self) -> int:
        """Memory that it holds on to; several states of a stream share some of it."""
        return held_bytes(self)

    def copy(self) -> SessionState:
        """An independent copy; only the cache takes memory, all else is never changed in place."""
        return replace(self, cache=self.cache.clone())


class StreamSession:
    """A stream that is continued chunk by chunk; `StreamEngine.open_session` makes one.

    A chunk's frames are handed out before its keys and values are in the cache: `settle` writes them, so that whoever
    shows the frames can send them on first. What needs the cache settles by itself.

    Not for several threads at once; several sessions of one engine are independent.

    Attributes:
        seed: What the noise was started with.
    """

    def __init__(self, model: StreamModel, seed: int, state: SessionState) -> None:
        self.seed = seed
        self._model, self._state = model, state
        self._generator = _generator(0)  # every step sets it to the state's noise
        self._unwritten: _Unwritten | None = None
        self._write_watch: Stopwatch | None = None

    @property
    def num_chunks(self) -> int:
        """Chunks made so far; also the number of the next one."""
        return self._state.num_chunks

    @property
    def config(self) -> StreamConfig:
        """Size, frame rate, memory and timesteps of this stream."""
        return self._model.checkpoint.stream

    @property
    def num_bytes(self) -> int:
        """Memory that a snapshot would hold on to; several snapshots of a stream share some of it."""
        return self._state.num_bytes

    @property
    def picture(self) -> FittedImage:
        """The fitted picture that the present scene starts from: the stream's first one, or that of the last cut."""
        return self._state.picture

    @property
    def sink(self) -> SinkPolicy:
        """When the attention sink is replaced."""
        return self._state.sink

    @property
    def prompt(self) -> str:
        """The prompt of the next chunk."""
        return self._state.prompt

    @torch.inference_mode()
    def step(self, tracks: Tracks) -> VideoChunk:
        """Make the next chunk. A step that fails or is interrupted leaves the stream as it was.

        Args:
            tracks: Motion over exactly the video frames of the next chunk.

        Raises:
            TracksError: The tracks have another number of video frames.
        """
        networks = self._model.checkpoint
        index, stream = self._state.num_chunks, networks.stream
        _check_length(tracks, stream.video_frames_in_chunk(index), index)
        self.settle()
        before = self._state
        watch = Stopwatch(networks.device)
        condition, memory = self._model.conditioner.encode(tracks, before.tracks, before.newest, first=index == 0)
        watch.mark()
        latents = self._denoise(condition)
        watch.mark()
        video, decoder = networks.vae.decode_chunk(latents.to(networks.dtype), before.decoder)
        frames = to_uint8(video[0])
        watch.mark()
        self._state = replace(
            before,
            num_chunks=index + 1,
            newest=before.newest.renewed(video[0, -1].float(), latents[0, :, -1]),
            noise=self._generator.get_state(),
            tracks=memory,
            decoder=decoder,
        )
        self._unwritten = _Unwritten(index, latents, condition, before.context)
        finished = frames.cpu().numpy()  # on a GPU, the only point at which the CPU waits
        return VideoChunk(
            index=index,
            start_frame=stream.first_video_frame(index),
            frames=finished,
            tracks=tracks,
            timings=StageTimes.of(watch, self._write_watch),
        )

    @torch.inference_mode()
    def settle(self) -> None:
        """Write the newest chunk into the cache, unless that is done; the next step would do it first otherwise."""
        chunk, state, model = self._unwritten, self._state, self._model
        if chunk is None:
            return
        watch = Stopwatch(model.checkpoint.device)
        write_chunk(
            model.checkpoint.transformer, chunk.latents, chunk.condition, model.steps, chunk.context, state.cache
        )
        self._unwritten = None
        self._state = replace(state, refresh=advance_sink(state.refresh, state.sink, state.cache, chunk.index))
        watch.mark()
        self._write_watch = watch

    @torch.inference_mode()
    def set_prompt(self, prompt: str) -> None:
        """Change the prompt from the next chunk on."""
        self._state = self._prompted(prompt)

    @torch.inference_mode()
    def cut(
        self, image: str | Path | bytes | Image | np.ndarray, prompt: str | None = None, *, fit: Fit = "crop"
    ) -> None:
        """Go on from another picture: the next chunk shows it, and points are born on it.

        A cut that fails leaves the stream as it was. Before the first chunk the picture is simply exchanged.

        Args:
            image: As for `StreamEngine.open_session`.
            prompt: What the video shows from now on; None leaves it.
            fit: How the picture is brought to the stream's size; `picture` says what was done.

        Raises:
            InputError: The picture cannot be used, or the model cannot take one in the middle of a stream.
        """
        stream = self._model.checkpoint.stream
        picture = fit_image(image, height=stream.height, width=stream.width, fit=fit)
        self.settle()
        before = self._state
        begin = Scene.opening if before.num_chunks == 0 else Scene.cut_to
        scene = begin(self._model, picture.pixels)
        renewed = before.num_chunks > 0 and before.sink.mode == "refresh"
        self._state = replace(
            before if prompt is None else self._prompted(prompt),
            picture=picture,
            newest=scene.newest,
            tracks=scene.tracks,
            decoder=scene.decoder,
            refresh=SinkRefresh.begin(before.cache, before.sink) if renewed else before.refresh,
        )

    def set_sink(self, policy: SinkPolicy) -> None:
        """Change when the attention sink is replaced; a replacement under way ends if it is to be fixed."""
        self.settle()
        refresh = None if policy.mode == "fixed" else self._state.refresh
        self._state = replace(self._state, sink=policy, refresh=refresh)

    def refresh_sink(self) -> None:
        """Let the coming chunks replace the attention sink, whatever the policy's mode.

        Before the first chunk there is nothing to replace.
        """
        self.settle()
        if self._state.num_chunks:
            self._state = replace(self._state, refresh=SinkRefresh.begin(self._state.cache, self._state.sink))

    @torch.inference_mode()
    def snapshot(self) -> SessionState:
        """The present state, to go back to: it stays as it is whatever the session does."""
        self.settle()
        return self._state.copy()

    @torch.inference_mode()
    def restore(self, state: SessionState) -> None:
        """Go back to a snapshot of a session of the same engine; it can be restored again."""
        self._state, self._unwritten = state.copy(), None

    def fork(self) -> StreamSession:
        """A second session that goes on from here by itself; with the same input both make the same frames."""
        return StreamSession(self._model, self.seed, self.snapshot())

    def _prompted(self, prompt: str) -> SessionState:
        """The state with another prompt."""
        if prompt == self._state.prompt:
            return self._state
        return replace(self._state, prompt=prompt, context=self._model.encode_prompt(prompt))

    def _denoise(self, condition: Float[Tensor, "1 m f h w"]) -> Float[Tensor, "1 c f h w"]:
        state, model = self._state, self._model
        self._generator.set_state(state.noise)
        return denoise_chunk(
            model.checkpoint.transformer,
            condition,
            model.steps,
            state.context,
            state.cache,
            self._generator,
            state.newest.latent[None] if state.num_chunks == 0 else None,
        )


def _generator(seed: int) -> torch.Generator:
    """On the CPU, so that a seed means the same noise whatever the network runs on."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise InputError(f"Seed: wanted a whole number from 0 to 2^63 - 1, got {seed!r}.")
    return torch.Generator().manual_seed(seed)


def _check_length(tracks: Tracks, wanted: int, index: int) -> None:
    if tracks.num_frames != wanted:
        raise TracksError(
            f"Chunk {index}: wanted tracks of {wanted} video frames, got {tracks.num_frames}. "
            f"Give the frames of Window.of_chunk(config, {index}), or Tracks.empty({wanted}) for no motion."
        )
