"""ClipGenerator: a teacher that makes a whole clip from a picture, a prompt and tracks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from motionstream.config import VIDEO_FRAMES_PER_LATENT
from motionstream.errors import CheckpointError
from motionstream.models.checkpoint import Checkpoint
from motionstream.models.scheduler import shifted_timesteps
from motionstream.models.track_condition import Newest, condition_chunk
from motionstream.models.track_memory import TrackMemory
from motionstream.models.vae.protocol import StreamState
from motionstream.streaming.clip_sampler import sample_clip
from motionstream.streaming.guidance import ClipCondition, JointGuidance
from motionstream.streaming.model import to_uint8
from motionstream.streaming.stream_generator import held
from motionstream.tracks import Tracks


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipGenerator:
    """A bidirectional model with its guidance; called, it makes one clip.

    Attributes:
        checkpoint: A teacher: every latent frame attends every other.
        guidance: Weights of prompt and tracks.
        num_steps: Euler steps of its ODE.
    """

    checkpoint: Checkpoint
    guidance: JointGuidance = field(default_factory=JointGuidance)
    num_steps: int = 50

    @torch.inference_mode()
    def __call__(
        self, image: UInt8[np.ndarray, "h w 3"], tracks: Tracks, prompt: str, seed: int
    ) -> UInt8[np.ndarray, "t h w 3"]:
        """Make a clip.

        Args:
            image: The first frame, at the model's size.
            tracks: Of every video frame, the first included.
            prompt: What the clip shows.
            seed: Decides the noise.

        Returns:
            As many video frames as the tracks have.
        """
        wanted = tracks.num_frames
        told = held(tracks, (1 - wanted) % VIDEO_FRAMES_PER_LATENT)
        picture = torch.from_numpy(image).to(self.checkpoint.device).permute(2, 0, 1) / 255
        condition = self._condition(picture, told, prompt)
        f, h, w = condition.told.shape[2:]
        draw = torch.Generator().manual_seed(seed)
        noise = torch.randn(1, self.checkpoint.vae.latent_channels, f, h, w, generator=draw)
        timesteps = shifted_timesteps(self.num_steps, self.checkpoint.shift)
        made = sample_clip(
            self.checkpoint.transformer, condition, timesteps, self.guidance, noise.to(self.checkpoint.device)
        )
        video = self.checkpoint.vae.decode(made.clean.to(self.checkpoint.dtype))[0]
        return to_uint8(video[:wanted]).cpu().numpy()

    def _condition(self, picture: Tensor, tracks: Tracks, prompt: str) -> ClipCondition:
        encode_prompt = self.checkpoint.text_encoder.encode
        latent = self._encode(picture[None, None], None)[0][0, :, 0]
        newest = Newest(picture, latent)
        return ClipCondition(
            told=self._channels(tracks, newest),
            motionless=self._channels(Tracks.empty(tracks.num_frames), newest),
            prompt_embeds=encode_prompt(prompt),
            unprompted=encode_prompt(""),
            first_latent=latent[None],
        )

    def _channels(self, tracks: Tracks, newest: Newest) -> Tensor:
        """The channels behind the noisy latents."""
        head, dtype = self.checkpoint.track_head, self.checkpoint.dtype
        if head is None:
            raise CheckpointError(f"{self.checkpoint.path}: a teacher needs a track head, this model has none.")
        memory = TrackMemory.empty(newest.canvas.device)
        condition, _ = condition_chunk(tracks, memory, newest, head.config, self._encode, first=True)
        return torch.cat([condition.image[None].to(dtype), head(condition.motion[None].to(dtype))], dim=1)

    def _encode(self, video: Tensor, state: StreamState | None) -> tuple[Tensor, StreamState]:
        latents, state = self.checkpoint.vae.encode_chunk(video.to(self.checkpoint.dtype), state)
        return latents.float(), state
