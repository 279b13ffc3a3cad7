"""What a bidirectional network is told of a batch of clips."""

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.models.vae.protocol import VideoVAE
from motionstream.streaming.guidance import ClipCondition
from motionstream.tracks import Tracks
from motionstream.training.batch import ClipBatch
from motionstream.training.conditioning import condition_clips
from motionstream.training.networks import Networks


def clip_channels(
    networks: Networks, batch: ClipBatch, tracks: tuple[Tracks, ...], vae: VideoVAE
) -> Float[Tensor, "b m f h w"]:
    """Returns the channels behind the noisy latents: image condition, then the encoded tracks."""
    head = networks.track_head
    motion, image = condition_clips(batch.latents, batch.pictures, tracks, head.config, vae)
    return torch.cat([image, head(motion)], dim=1)


def clip_condition(
    networks: Networks, batch: ClipBatch, vae: VideoVAE, unprompted: Float[Tensor, "s d"]
) -> ClipCondition:
    """Returns what joint guidance needs: everything, and the same without the motion and without the prompt."""
    silent = tuple(Tracks.empty(tracks.num_frames) for tracks in batch.tracks)
    return ClipCondition(
        told=clip_channels(networks, batch, batch.tracks, vae),
        motionless=clip_channels(networks, batch, silent, vae),
        prompt_embeds=batch.prompt_embeds,
        unprompted=unprompted.to(batch.latents.device).expand(len(batch.latents), -1, -1),
        first_latent=batch.latents[:, :, 0],
    )
