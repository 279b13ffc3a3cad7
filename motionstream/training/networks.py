"""The networks that a stage trains: teacher, student and critic are all of one kind."""

import torch
import torch.nn.functional as F
from torch import nn

from motionstream.models.track_head import TrackHead, TrackHeadConfig
from motionstream.models.wan import WanConfig, WanTransformer

_PATCHES = "patch_embedding.weight"


class Networks(nn.Module):
    """A transformer and its track head: what a checkpoint holds of a teacher or a student."""

    def __init__(self, transformer: WanTransformer, track_head: TrackHead) -> None:
        super().__init__()
        self.transformer = transformer
        self.track_head = track_head

    @classmethod
    def fresh(cls, transformer: WanConfig, track_head: TrackHeadConfig) -> "Networks":
        """Returns networks with new weights.

        One that predicts clean latents through a gate starts as its image condition: its last layer gives zero.
        """
        networks = cls(WanTransformer(transformer), TrackHead(track_head))
        if transformer.gated_condition:
            nn.init.zeros_(networks.transformer.proj_out.weight)
            nn.init.zeros_(networks.transformer.proj_out.bias)
        return networks

    @classmethod
    def on(cls, published: WanTransformer, transformer: WanConfig, track_head: TrackHeadConfig) -> "Networks":
        """Gives a published transformer the channels for motion; at first its output is unchanged.

        The new slots of the patch embedding start at zero and the head does not, so that both get gradients.
        """
        with torch.device("meta"):
            widened = WanTransformer(transformer)
        state = published.state_dict()
        missing = transformer.total_in_channels - state[_PATCHES].shape[1]
        state[_PATCHES] = F.pad(state[_PATCHES], (0, 0) * 3 + (0, missing))
        widened.load_state_dict(state, assign=True)
        return cls(widened, TrackHead(track_head).to(published.proj_out.weight.device))

    def compile_transformer(self) -> None:
        """Compiles the transformer for the one shape of a training; on CUDA its masks go through FlexAttention then."""
        if self.device.type == "cuda":
            self.transformer.attention = "flex"
        self.transformer.compile(dynamic=False)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.transformer.proj_out.weight.device
