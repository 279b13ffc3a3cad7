"""Batches of tracks -> the channels that the network reads, by the code that streams them, clip by clip."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from motionstream.config import StreamConfig
from motionstream.models.track_condition import Newest, condition_chunk
from motionstream.models.track_head import TrackHeadConfig
from motionstream.models.track_memory import TrackMemory
from motionstream.models.vae.protocol import VideoVAE
from motionstream.tracks import Tracks


@torch.no_grad()
def condition_batch(
    tracks: Sequence[Tracks],
    memories: Sequence[TrackMemory],
    newest: Sequence[Newest],
    config: TrackHeadConfig,
    vae: VideoVAE,
    *,
    first: bool,
) -> tuple[Tensor, Tensor, list[TrackMemory]]:
    """Encodes the tracks of a chunk of several clips, in float32; arguments and errors as `condition_chunk`.

    Returns:
        Packed motion maps `b k f h w`, image condition `b m f h w`, and the memories for the next chunk.
    """
    with torch.autocast(newest[0].canvas.device.type, enabled=False):
        made = [
            condition_chunk(told, memory, picture, config, vae.encode_chunk, first=first)
            for told, memory, picture in zip(tracks, memories, newest, strict=True)
        ]
    conditions, after = zip(*made, strict=True)
    return torch.stack([c.motion for c in conditions]), torch.stack([c.image for c in conditions]), list(after)


def condition_on_truth(
    latents: Tensor,
    pictures: Tensor,
    tracks: Sequence[Tracks],
    config: TrackHeadConfig,
    vae: VideoVAE,
    stream: StreamConfig,
) -> tuple[Tensor, Tensor]:
    """Encodes the tracks of whole clips, each chunk with the true picture before it.

    Args:
        latents: The clips, `b c f h w`.
        pictures: `b k 3 y x`, the newest video frame before each chunk.
        tracks: Of the clips.
        config: Of the track head.
        vae: The autoencoder of the clips.
        stream: Lengths of chunks.

    Returns:
        Packed motion maps `b k f h w` and image condition `b m f h w`.
    """
    memories = [TrackMemory.empty(latents.device)] * len(latents)
    parts: list[tuple[Tensor, Tensor]] = []
    for chunk in range(latents.shape[2] // stream.chunk_frames):
        start = stream.first_video_frame(chunk)
        stop = start + stream.video_frames_in_chunk(chunk)
        frame = max(0, chunk * stream.chunk_frames - 1)
        newest = [Newest(p, z) for p, z in zip(pictures[:, chunk], latents[:, :, frame], strict=True)]
        told = [t.slice(start, stop) for t in tracks]
        motion, image, memories = condition_batch(told, memories, newest, config, vae, first=chunk == 0)
        parts.append((motion, image))
    motions, images = zip(*parts, strict=True)
    return torch.cat(motions, dim=2), torch.cat(images, dim=2)


def condition_clips(
    latents: Float[Tensor, "b c f h w"],
    pictures: Float[Tensor, "b k 3 y x"],
    tracks: Sequence[Tracks],
    config: TrackHeadConfig,
    vae: VideoVAE,
) -> tuple[Float[Tensor, "b k f h w"], Float[Tensor, "b m f h w"]]:
    """Encodes the tracks of whole clips at once: a teacher knows the first picture only, and all of the motion.

    Returns:
        Packed motion maps and image condition.
    """
    memories = [TrackMemory.empty(latents.device)] * len(latents)
    first = [Newest(picture[0], latent[:, 0]) for picture, latent in zip(pictures, latents, strict=True)]
    motion, image, _ = condition_batch(tracks, memories, first, config, vae, first=True)
    return motion, image
