"""Points on random ways, pictures that move along tracks, and what an encoder is asked and answers on the way."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from motionstream.models.moved_picture import PLACES_PER_CELL, MovedPicture, move_picture
from motionstream.models.track_condition import Newest, TrackCondition, condition_chunk
from motionstream.models.track_head import TrackHeadConfig
from motionstream.models.track_memory import TrackMemory, follow_points
from motionstream.models.vae.protocol import StreamState
from motionstream.models.vae.tiny import TinyVAE
from motionstream.models.vae.tiny_config import TinyVAEConfig
from motionstream.tracks import Tracks

CHUNKS = (9, 12, 12)
CELLS = (3, 4, 6)  # channels, height and width of a latent frame that is conditioned
STRIDE = 8


def _wandering(
    num_points: int, seed: int, births: Sequence[int] = (0, 9, 21), num_frames: int = 33, step: float = 0.03
) -> Tracks:
    """Points on random ways that leave the picture and hide; each is first seen in one of the frames `births`."""
    rng = np.random.default_rng(seed)
    xy = rng.random((1, num_points, 2)) + np.cumsum(rng.normal(0, step, (num_frames, num_points, 2)), axis=0)
    birth, points = rng.choice(births, num_points), np.arange(num_points)
    visible = (rng.random((num_frames, num_points)) < 0.8) & (np.arange(num_frames)[:, None] >= birth)
    xy[birth, points] = xy[birth, points].clip(0, 0.999)
    visible[birth, points] = True
    return Tracks(ids=rng.permutation(10 * num_points)[:num_points], xy=xy, visible=visible)


class Scene:
    """Pictures of one size, and what comes of them along tracks; all positions are in pixels.

    `side` is that of a place, which follows one point.
    """

    def __init__(self, height: int, width: int, stride: int) -> None:
        self.height, self.width, self.stride = height, width, stride
        self.rows, self.columns, self.side = height * stride, width * stride, stride // PLACES_PER_CELL

    def picture(self, seed: int = 0) -> Tensor:
        return torch.rand(3, self.rows, self.columns, generator=torch.Generator().manual_seed(seed))

    def colour(self, *rgb: float) -> Tensor:
        return torch.tensor(rgb, dtype=torch.float32)[:, None, None].repeat(1, self.rows, self.columns)

    def tracks(self, *paths: np.ndarray, visible: bool | np.ndarray = True) -> Tracks:
        """Tracks of paths `t 2`."""
        xy = np.stack(paths, axis=1) / (self.columns, self.rows)
        return Tracks(ids=np.arange(len(paths)), xy=xy, visible=np.broadcast_to(visible, xy.shape[:2]))

    def stream(
        self, told: Tracks, pictures: Sequence[Tensor], reach: float = 1.5, chunks: tuple[int, ...] = CHUNKS
    ) -> list[MovedPicture]:
        """Moves the newest picture before each chunk."""
        memory, made, start = TrackMemory.empty(), [], 0
        for index, (length, newest) in enumerate(zip(chunks, pictures, strict=True)):
            points, memory = follow_points(told.slice(start, start + length), memory, newest, first=index == 0)
            made.append(move_picture(points, newest, self.height, self.width, reach))
            start += length
        return made

    def one_chunk(self, told: Tracks, newest: Tensor, reach: float = 1.5) -> MovedPicture:
        return self.stream(told, [newest], reach, (told.num_frames,))[0]

    def centres(self) -> tuple[Tensor, Tensor]:
        """For every pixel the middle (x, y) of its place."""
        y, x = torch.meshgrid(torch.arange(self.rows), torch.arange(self.columns), indexing="ij")
        return (x // self.side + 0.5) * self.side, (y // self.side + 0.5) * self.side

    def within(self, x: float, y: float, reach: float = 1.5) -> Tensor:
        """The pixels whose place has its middle within reach of a point at (x, y)."""
        at_x, at_y = self.centres()
        return (at_x - x) ** 2 + (at_y - y) ** 2 <= (reach * self.stride) ** 2

    def by_cell(self, pixels: Tensor) -> Tensor:
        """The share of the chosen pixels by latent cell."""
        return pixels.float().reshape(self.height, self.stride, self.width, self.stride).mean((1, 3))


class Encoder:
    """A real autoencoder with random weights, which writes down what it is asked and what it answers."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        widths = {"encoder_channels": 8, "decoder_channels": (8, 8, 8, 8), "blocks_per_stage": 1}
        self.vae = TinyVAE(TinyVAEConfig(latent_channels=CELLS[0], **widths))  # type: ignore[arg-type]
        for module in self.vae.modules():  # weights that are large enough for its memory to show
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        self.asked: list[tuple[Tensor, StreamState | None]] = []
        self.answered: list[tuple[Tensor, StreamState]] = []

    @torch.no_grad()
    def __call__(self, video: Tensor, state: StreamState | None) -> tuple[Tensor, StreamState]:
        answer = self.vae.encode_chunk(video, state)
        self.asked.append((video, state))
        self.answered.append(answer)
        return answer


def _newest_of(chunks: int, seed: int = 0) -> list[Newest]:
    """What is shown before each chunk: pictures of 32x48 pixels, latents of 4x6 cells."""
    channels, height, width = CELLS
    random = torch.Generator().manual_seed(seed)
    pictures = torch.rand(chunks, 3, height * STRIDE, width * STRIDE, generator=random)
    latents = torch.randn(chunks, channels, height, width, generator=random)
    return [Newest(*pair) for pair in zip(pictures, latents, strict=True)]


def _condition_stream(
    told: Tracks,
    newest: list[Newest],
    config: TrackHeadConfig,
    chunks: tuple[int, ...] = CHUNKS,
    encode: Encoder | None = None,
) -> tuple[TrackCondition, TrackMemory]:
    """Conditions chunk by chunk; `newest` is what was there before each chunk."""
    memory, parts, start, encode = TrackMemory.empty(), [], 0, encode or Encoder()
    for index, length in enumerate(chunks):
        part = told.slice(start, start + length)
        condition, memory = condition_chunk(part, memory, newest[index], config, encode, first=index == 0)
        parts.append(condition)
        start += length
    motion, image = (torch.cat([getattr(part, name) for part in parts], dim=1) for name in ("motion", "image"))
    return TrackCondition(motion, image), memory


@pytest.fixture
def wandering() -> Callable[..., Tracks]:
    return _wandering


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Scene:
    """4x8 cells of 4 pixels a side; other sizes by indirect parameters."""
    return Scene(*getattr(request, "param", (4, 8, 4)))


@pytest.fixture
def encoder() -> Encoder:
    return Encoder()


@pytest.fixture
def newest_of() -> Callable[..., list[Newest]]:
    return _newest_of


@pytest.fixture
def stream() -> Callable[..., tuple[TrackCondition, TrackMemory]]:
    return _condition_stream
