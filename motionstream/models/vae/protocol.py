"""What every video autoencoder of the library offers.

Time alignment, the same for all: latent frame 0 is video frame 0 alone, latent frame i >= 1 holds the video frames
4i-3 to 4i. The first chunk of f latent frames is therefore 4f-3 video frames, every later one 4f.

Stream state is a value: a method never changes the state it is given and returns a new one, so keeping a reference
to an old state is a snapshot, and two sessions can share one network. `None` is the state before the first chunk.
"""

from typing import Protocol, TypeAlias

from jaxtyping import Float
from torch import Tensor

StreamState: TypeAlias = tuple[Tensor, ...]


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
        """Decodes the next latent frames of a stream."""
        ...
