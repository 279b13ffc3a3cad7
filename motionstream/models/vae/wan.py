"""Wan's own video autoencoder (diffusers' `AutoencoderKLWan`) behind the `VideoVAE` protocol.

diffusers keeps the features that one latent frame hands to the next on the model and clears them around every call.
Here the same feature list is passed in and out, so that a stream can go on, sessions can share the weights, and all
latent frames of a chunk but the very first run at once.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.errors import CheckpointError
from motionstream.models.vae.protocol import StreamState, check_latents, check_video, per_channel

LATENT_FRAMES_PER_PASS = 3
"""Latent frames that run at once: one chunk. It bounds the memory of encoding or decoding a long clip."""


class WanVAE(nn.Module):
    """The full autoencoder of Wan 2.1 and 2.2, streaming in both directions.

    Args:
        vae: A `diffusers.AutoencoderKLWan`. Its tiling and slicing switches have no effect here.
    """

    latents_mean: Tensor
    latents_std: Tensor

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae
        self.register_buffer("latents_mean", torch.tensor(vae.config.latents_mean), persistent=False)
        self.register_buffer("latents_std", torch.tensor(vae.config.latents_std), persistent=False)

    @classmethod
    def from_pretrained(
        cls, folder_or_hub_id: str, *, subfolder: str | None = None, dtype: torch.dtype = torch.float32
    ) -> "WanVAE":
        """Loads the autoencoder from a folder in diffusers' layout or from the hub, safetensors only.

        Raises:
            CheckpointError: If configuration or weights are missing there.
        """
        from diffusers import AutoencoderKLWan

        try:
            vae = AutoencoderKLWan.from_pretrained(
                folder_or_hub_id,
                subfolder=subfolder,
                torch_dtype=dtype,
                use_safetensors=True,
                low_cpu_mem_usage=False,
            )
        except OSError as error:
            raise CheckpointError(
                f"wanted an AutoencoderKLWan (config.json and diffusion_pytorch_model.safetensors) in "
                f"{folder_or_hub_id!r}, subfolder {subfolder!r}, but: {error}"
            ) from error
        return cls(vae.eval())

    @property
    def latent_channels(self) -> int:
        """Channels of a latent frame."""
        return int(self.vae.config.z_dim)

    @property
    def spatial_stride(self) -> int:
        """Pixels along one side of a latent cell."""
        return int(2 ** (len(self.vae.config.dim_mult) - 1) * (self.vae.config.patch_size or 1))

    @property
    def temporal_stride(self) -> int:
        """Video frames of a latent frame after the first."""
        return int(2 ** sum(self.vae.config.temperal_downsample))

    def encode(self, video: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b c f h2 w2"]:
        """Returns the normalised latents (the posterior's mean) of 1 + 4k video frames with values in [0, 1].

        Raises:
            ValueError: If the number of frames or the size of the picture does not fit the strides.
        """
        return self.encode_chunk(video, None)[0]

    def decode(self, latents: Float[Tensor, "b c f h2 w2"]) -> Float[Tensor, "b t 3 h w"]:
        """Returns the 1 + 4(f-1) video frames, clamped to [0, 1], of normalised latents."""
        return self.decode_chunk(latents, None)[0]

    def encode_chunk(
        self, video: Float[Tensor, "b t 3 h w"], state: StreamState | None
    ) -> tuple[Float[Tensor, "b c f h2 w2"], StreamState]:
        """Encodes the next video frames of a stream.

        Args:
            video: 1 + 4k frames with values in [0, 1] when `state` is None, 4k frames afterwards.
            state: What the last call returned; None at the start. It is not changed.

        Returns:
            The normalised latents and the state for the next call.

        Raises:
            ValueError: If the number of frames or the size of the picture does not fit the strides.
        """
        from diffusers.models.autoencoders.autoencoder_kl_wan import patchify

        check_video(self, video, state)
        frames = video.transpose(1, 2) * 2 - 1
        if self.vae.config.patch_size is not None:
            frames = patchify(frames, self.vae.config.patch_size)
        features = _features(self.vae.encoder, state)
        pieces = [
            self.vae.encoder(piece, feat_cache=features, feat_idx=[0])
            for piece in _pieces(frames, state is None, LATENT_FRAMES_PER_PASS * self.temporal_stride)
        ]
        mean = self.vae.quant_conv(torch.cat(pieces, 2))[:, : self.latent_channels]
        return (mean - per_channel(self.latents_mean)) / per_channel(self.latents_std), tuple(features)

    def decode_chunk(
        self, latents: Float[Tensor, "b c f h2 w2"], state: StreamState | None
    ) -> tuple[Float[Tensor, "b t 3 h w"], StreamState]:
        """Decodes the next latent frames of a stream.

        Args:
            latents: Normalised latents, any number of frames.
            state: What the last call returned; None at the start. It is not changed.

        Returns:
            The video frames, clamped to [0, 1], and the state for the next call. 4f-3 frames at the start, then 4f.

        Raises:
            ValueError: If the latents have the wrong number of channels or no frame.
        """
        from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify

        check_latents(self, latents)
        z = self.vae.post_quant_conv(latents * per_channel(self.latents_std) + per_channel(self.latents_mean))
        features = _features(self.vae.decoder, state)
        pieces = [
            self.vae.decoder(piece, feat_cache=features, feat_idx=[0], first_chunk=state is None and index == 0)
            for index, piece in enumerate(_pieces(z, state is None, LATENT_FRAMES_PER_PASS))
        ]
        frames = torch.cat(pieces, 2)
        if self.vae.config.patch_size is not None:
            frames = unpatchify(frames, self.vae.config.patch_size)
        return (frames.transpose(1, 2) / 2 + 0.5).clamp(0, 1), tuple(features)


def _features(network: nn.Module, state: StreamState | None) -> list[Any]:
    """Returns the list the network writes its features into: a copy, because it replaces entries (never in place)."""
    if state is not None:
        return list(state)
    return [None] * sum(isinstance(module, nn.Conv3d) for module in network.modules())


def _pieces(frames: Tensor, at_start: bool, length: int) -> list[Tensor]:
    """Splits `b c t h w` along time for the passes through the network: the very first frame goes alone."""
    if not at_start:
        return list(torch.split(frames, length, 2))
    rest = frames[:, :, 1:]
    return [frames[:, :, :1], *(torch.split(rest, length, 2) if rest.shape[2] else ())]
