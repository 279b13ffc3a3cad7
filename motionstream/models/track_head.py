"""The track head: a motion map of point identities becomes channels of the transformer's input (paper, section 3.1)."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from motionstream.errors import CheckpointError

FRAMES_PER_LATENT = 4


@dataclass(frozen=True, kw_only=True)
class TrackHeadConfig:
    """What the network is told about tracks.

    Attributes:
        id_channels: width of a point's identity code phi (64 in the paper).
        identity: `origin` codes where the point was first seen, `random` an integer drawn per point (the paper's).
        hidden_channel: one more channel, 1 at the last seen cell of a point that is specified but hidden.
        width: channels between the two convolutions of the head.
        out_channels: channels the transformer receives.
        copy: what is carried along the tracks into the image condition: nothing, `latents` of the points' cells
            (Wan-Move; fits published image-to-video weights), or patches of the `picture`, encoded as a video.
        reach: how far from a point the picture is carried along with it, in latent cells.
    """

    id_channels: int = 64
    identity: Literal["origin", "random"] = "random"
    hidden_channel: bool = False
    width: int = 128
    out_channels: int = 32
    copy: Literal["nothing", "latents", "picture"] = "nothing"
    reach: float = 1.5

    def __post_init__(self) -> None:
        if self.id_channels % 4 or self.id_channels < 4:
            raise CheckpointError(f"id_channels must be a positive multiple of 4, got {self.id_channels}.")
        if self.identity not in ("origin", "random") or self.copy not in ("nothing", "latents", "picture"):
            raise CheckpointError(
                "identity must be origin or random and copy nothing, latents or picture, "
                f"got {self.identity!r} and {self.copy!r}."
            )
        if not self.reach > 0:
            raise CheckpointError(f"reach must be more than 0 latent cells, got {self.reach}.")

    @property
    def map_channels(self) -> int:
        """Channels of the motion map at video-frame rate."""
        return self.id_channels + int(self.hidden_channel)

    def condition_channels(self, latent_channels: int) -> int:
        """Channels of the image condition, as Wan's image-to-video models read it: 4 mask channels and a latent."""
        return FRAMES_PER_LATENT + latent_channels

    @classmethod
    def from_json(cls, source: Path | Mapping[str, Any]) -> "TrackHeadConfig":
        """Reads a configuration; keys that begin with an underscore are ignored, unknown ones named."""
        values = json.loads(source.read_text()) if isinstance(source, Path) else dict(source)
        values = {k: v for k, v in values.items() if not k.startswith("_")}
        if unknown := set(values) - {f.name for f in fields(cls)}:
            raise CheckpointError(
                f"Unknown track head settings {sorted(unknown)}; known: {[f.name for f in fields(cls)]}."
            )
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Returns the values as written to `track_head/config.json`."""
        return asdict(self)


class TrackHead(nn.Module):
    """Two 1x1x1 convolutions over motion maps packed four video frames to a latent frame; empty cells stay zero."""

    def __init__(self, config: TrackHeadConfig) -> None:
        super().__init__()
        self.config = config
        self.conv_in = nn.Conv3d(config.map_channels * FRAMES_PER_LATENT, config.width, 1, bias=False)
        self.act = nn.SiLU()
        self.conv_out = nn.Conv3d(config.width, config.out_channels, 1, bias=False)

    def forward(self, packed: Float[Tensor, "b c f h w"]) -> Float[Tensor, "b o f h w"]:
        """Turns packed motion maps into the transformer's extra channels."""
        made: Tensor = self.conv_out(self.act(self.conv_in(packed)))
        return made


def pack_frames(maps: Float[Tensor, "t c h w"]) -> Float[Tensor, "k f h w"]:
    """Packs video frames into channels: 4k frames, or 1+4k of a stream's start, which gets three zero frames before."""
    missing = -maps.shape[0] % FRAMES_PER_LATENT
    if missing:
        maps = torch.cat([maps.new_zeros(missing, *maps.shape[1:]), maps])
    t, c, h, w = maps.shape
    packed = maps.reshape(t // FRAMES_PER_LATENT, FRAMES_PER_LATENT * c, h, w)
    return packed.transpose(0, 1)
