"""What every video autoencoder of the library offers.

Time alignment, the same for all: latent frame 0 is video frame 0 alone, latent frame i >= 1 holds the video frames
4i-3 to 4i. The first chunk of f latent frames is therefore 4f-3 video frames, every later one 4f.

Stream state is a value: a method never changes the state it is given and returns a new one, so keeping a reference
to an old state is a snapshot, and two sessions can share one network. `None` is the state before the first chunk.
"""

from typing import Any, Protocol, TypeAlias, runtime_checkable

from jaxtyping import Float
from torch import Tensor

StreamState: TypeAlias = tuple[Any, ...]
"""Opaque outside the autoencoder that made it: the tensors it remembers, in its own order."""


@runtime_checkable
class VideoVAE(Protocol):
    """A causal video autoencoder that can work chunk by chunk."""

    @property
    def latent_channels(self) -> int:
        """Channels of a latent frame."""
        ...

    @property
    def spatial_stride(self) -> int:
        """Pixels along one side of a latent cell."""
        ...

    @property
    def temporal_stride(self) -> int:
        """Video frames of a latent frame after the first."""
        ...

    def encode(self, video: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b c f h2 w2"]:
        """Returns the normalised latents of a clip of 1 + 4k video frames with values in [0, 1]."""
        ...

    def decode(self, latents: Float[Tensor, "b c f h2 w2"]) -> Float[Tensor, "b t 3 h w"]:
        """Returns the clip, clamped to [0, 1], of normalised latents."""
        ...

    def encode_chunk(
        self, video: Float[Tensor, "b t 3 h w"], state: StreamState | None
    ) -> tuple[Float[Tensor, "b c f h2 w2"], StreamState]:
        """Encodes the next video frames of a stream: 1 + 4k of them when `state` is None, 4k afterwards."""
        ...

    def decode_chunk(
        self, latents: Float[Tensor, "b c f h2 w2"], state: StreamState | None
    ) -> tuple[Float[Tensor, "b t 3 h w"], StreamState]:
        """Decodes the next latent frames of a stream: 4f-3 video frames when `state` is None, 4f afterwards."""
        ...


def per_channel(values: Float[Tensor, " c"]) -> Float[Tensor, "1 c 1 1 1"]:
    """Returns one value a latent channel, shaped to act on latents `b c f h w`."""
    return values.view(1, -1, 1, 1, 1)


def check_video(vae: VideoVAE, video: Tensor, state: StreamState | None) -> None:
    """Says what was wanted when the next frames of a stream do not fit the strides.

    Raises:
        ValueError: If the number of frames or the size of the picture is wrong.
    """
    time, space = vae.temporal_stride, vae.spatial_stride
    num_frames, (height, width) = video.shape[1], video.shape[-2:]
    if state is None and num_frames % time != 1 % time:
        raise ValueError(f"a stream starts with 1 + {time}k video frames, got {num_frames}; drop or repeat some")
    if num_frames == 0 or (state is not None and num_frames % time):
        raise ValueError(f"a stream goes on with {time}k video frames, k >= 1, got {num_frames}; drop or repeat some")
    if height % space or width % space:
        raise ValueError(f"height and width must be multiples of {space}, got {height}x{width}; crop or resize")


def check_latents(vae: VideoVAE, latents: Tensor) -> None:
    """Says what was wanted when latents are not this autoencoder's.

    Raises:
        ValueError: If the number of channels is wrong or there is no frame.
    """
    if latents.shape[1] != vae.latent_channels or latents.shape[2] == 0:
        raise ValueError(f"latents must be [b {vae.latent_channels} f h w], f >= 1, got {list(latents.shape)}")
