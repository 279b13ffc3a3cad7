"""A tiny video autoencoder that loads the public TAEHV checkpoints and streams in both directions.

The public code encodes clips of 4k frames and trims the first 3 frames of a decoded clip; here the encoder repeats
frame 0 three times in front, so that latent 0 is video frame 0 alone and both directions agree on the clock.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.models.vae.patch_shortcut import PatchShortcut
from motionstream.models.vae.protocol import StreamState, check_latents, check_video, per_channel
from motionstream.models.vae.tiny_blocks import MemBlock, SoftClamp, TGrow, TPool, conv3x3, rectifier, run_blocks
from motionstream.models.vae.tiny_config import TinyVAEConfig

__all__ = ["TinyVAE", "TinyVAEConfig"]


def build_encoder(config: TinyVAEConfig) -> nn.Sequential:
    """Returns the encoder stack: folded pixels `tb 3*p*p h w` to latents `fb c h w`."""
    width = config.encoder_channels
    layers: list[nn.Module] = [conv3x3(3 * config.patch_size**2, width), rectifier(config.negative_slope)]
    for time_down, space_down in zip(config.encoder_time_down, config.encoder_space_down, strict=True):
        layers.append(TPool(width, 2 if time_down else 1))
        layers.append(conv3x3(width, width, stride=2 if space_down else 1, bias=False))
        layers.extend(MemBlock(width, config.negative_slope) for _ in range(config.blocks_per_stage))
    return nn.Sequential(*layers, conv3x3(width, config.latent_channels))


def build_decoder(config: TinyVAEConfig) -> nn.Sequential:
    """Returns the decoder stack: latents `fb c h w` to folded pixels `tb 3*p*p h w`."""
    widths = config.decoder_channels
    layers: list[nn.Module] = [
        SoftClamp(),
        conv3x3(config.latent_channels, widths[0]),
        rectifier(config.negative_slope),
    ]
    for stage, (time_up, space_up) in enumerate(zip(config.decoder_time_up, config.decoder_space_up, strict=True)):
        layers.extend(MemBlock(widths[stage], config.negative_slope) for _ in range(config.blocks_per_stage))
        # The public numbering has the enlargement here; it is done in TGrow, where it is cheaper.
        layers.append(nn.Identity())
        layers.append(TGrow(widths[stage], 2 if time_up else 1, 2 if space_up else 1))
        layers.append(conv3x3(widths[stage], widths[stage + 1], bias=False))
    return nn.Sequential(*layers, rectifier(config.negative_slope), conv3x3(widths[-1], 3 * config.patch_size**2))


class TinyVAE(nn.Module):
    """Encoder and decoder of a few million parameters behind the `VideoVAE` protocol.

    `encode` and `decode` speak normalised latents and clamped pixels. The `_raw` methods leave out normalisation and
    clamp and are differentiable everywhere: training uses them.

    For speed, call `use_channels_last()` once after loading.
    """

    latents_mean: Tensor
    latents_std: Tensor

    def __init__(self, config: TinyVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config) if config.stacks else None
        self.decoder = build_decoder(config) if config.stacks else None
        channels = config.latent_channels
        strides = config.temporal_stride, config.spatial_stride
        self.shortcut = PatchShortcut(channels, *strides) if config.patch_shortcut else None
        mean, std = config.latents_mean or (0.0,) * channels, config.latents_std or (1.0,) * channels
        # Not persistent: they live in config.json, and the public checkpoints have no such keys.
        self.register_buffer("latents_mean", torch.tensor(mean), persistent=False)
        self.register_buffer("latents_std", torch.tensor(std), persistent=False)

    @property
    def latent_channels(self) -> int:
        """Channels of a latent frame."""
        return self.config.latent_channels

    @property
    def spatial_stride(self) -> int:
        """Pixels along one side of a latent cell."""
        return self.config.spatial_stride

    @property
    def temporal_stride(self) -> int:
        """Video frames of a latent frame after the first."""
        return self.config.temporal_stride

    def use_channels_last(self) -> "TinyVAE":
        """Puts the convolutions' weights into the memory format that is fastest on CPUs and tensor cores.

        The activations follow; numbers, state dict and interface stay the same. Returns itself.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
        return self

    def encode(self, video: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b c f h2 w2"]:
        """Returns the normalised latents of a clip of 1 + 4k video frames with values in [0, 1].

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
        latents, new_state = self.encode_chunk_raw(video, state)
        return (latents - per_channel(self.latents_mean)) / per_channel(self.latents_std), new_state

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
        check_latents(self, latents)
        latents = latents * per_channel(self.latents_std) + per_channel(self.latents_mean)
        video, new_state = self.decode_chunk_raw(latents, state)
        return video.clamp(0, 1), new_state

    def encode_raw(self, video: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b c f h2 w2"]:
        """Returns the latents of a clip as the encoder makes them, without normalisation."""
        return self.encode_chunk_raw(video, None)[0]

    def decode_raw(self, latents: Float[Tensor, "b c f h2 w2"]) -> Float[Tensor, "b t 3 h w"]:
        """Returns the clip of latents that were never normalised, without clamp."""
        return self.decode_chunk_raw(latents, None)[0]

    def encode_chunk_raw(
        self, video: Float[Tensor, "b t 3 h w"], state: StreamState | None
    ) -> tuple[Float[Tensor, "b c f h2 w2"], StreamState]:
        """Like `encode_chunk`, without normalisation."""
        check_video(self, video, state)
        if state is None:
            repeats = self.temporal_stride - 1
            video = torch.cat([video[:, :1].expand(-1, repeats, -1, -1, -1), video], 1)
        latents, new_state = self._encode_deep(video, state)
        return latents if self.shortcut is None else latents + self.shortcut.encode(video), new_state

    def decode_chunk_raw(
        self, latents: Float[Tensor, "b c f h2 w2"], state: StreamState | None
    ) -> tuple[Float[Tensor, "b t 3 h w"], StreamState]:
        """Like `decode_chunk`, for latents that were never normalised and without clamp."""
        check_latents(self, latents)
        video, new_state = self._decode_deep(latents, state)
        if self.shortcut is not None:
            video = video + self.shortcut.decode(latents)
        return video[:, self.temporal_stride - 1 :] if state is None else video, new_state

    def _encode_deep(self, video: Tensor, state: StreamState | None) -> tuple[Tensor, StreamState]:
        if self.encoder is None:
            return video.new_zeros(()), ()
        batch = len(video)
        frames = F.pixel_unshuffle(video.transpose(0, 1).flatten(0, 1), self.config.patch_size)
        latents, new_state = run_blocks(self.encoder, frames, batch, state)
        return latents.view(-1, batch, *latents.shape[1:]).permute(1, 2, 0, 3, 4), new_state

    def _decode_deep(self, latents: Tensor, state: StreamState | None) -> tuple[Tensor, StreamState]:
        if self.decoder is None:
            return latents.new_zeros(()), ()
        batch = len(latents)
        frames, new_state = run_blocks(self.decoder, latents.permute(2, 0, 1, 3, 4).flatten(0, 1), batch, state)
        video = F.pixel_shuffle(frames, self.config.patch_size)
        return video.view(-1, batch, *video.shape[1:]).transpose(0, 1), new_state
