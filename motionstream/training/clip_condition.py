"""What bidirectional networks are told of a batch of clips."""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.models.track_head import TrackHead, TrackHeadConfig
from motionstream.models.vae.protocol import VideoVAE
from motionstream.streaming.guidance import ClipCondition
from motionstream.tracks import Tracks
from motionstream.training.batch import ClipBatch
from motionstream.training.conditioning import condition_clips


@dataclass(frozen=True)
class EncodedMotion:
    """Tracks as every network with the same kind of head is told them; encoded once for all of them.

    Attributes:
        motion: packed motion maps.
        image: image condition.
    """

    motion: Float[Tensor, "b k f h w"]
    image: Float[Tensor, "b m f h w"]

    @classmethod
    def of(cls, batch: ClipBatch, tracks: tuple[Tracks, ...], config: TrackHeadConfig, vae: VideoVAE) -> Self:
        """Encodes tracks of a batch's clips: its own, or none."""
        return cls(*condition_clips(batch.latents, batch.pictures, tracks, config, vae))

    def channels(self, head: TrackHead) -> Float[Tensor, "b m f h w"]:
        """Returns the channels behind the noisy latents of the network that the head belongs to."""
        return torch.cat([self.image, head(self.motion)], dim=1)


def clip_condition(
    head: TrackHead, told: EncodedMotion, batch: ClipBatch, vae: VideoVAE, unprompted: Float[Tensor, "s d"]
) -> ClipCondition:
    """Returns what joint guidance needs: everything, and the same without the motion and without the prompt."""
    silent = tuple(Tracks.empty(tracks.num_frames) for tracks in batch.tracks)
    return ClipCondition(
        told=told.channels(head),
        motionless=EncodedMotion.of(batch, silent, head.config, vae).channels(head),
        prompt_embeds=batch.prompt_embeds,
        unprompted=unprompted.to(batch.latents.device).expand(len(batch.latents), -1, -1),
        first_latent=batch.latents[:, :, 0],
    )
