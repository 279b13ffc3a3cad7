"""Presets: every number of the recipe, for the embedded default and for the two published base models."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from motionstream.config import PRESETS as STREAMS
from motionstream.config import StreamConfig
from motionstream.errors import InputError
from motionstream.models.track_head import TrackHeadConfig
from motionstream.models.wan import WanConfig
from motionstream.models.wan.config import WAN21_T2V_1_3B, WAN22_TI2V_5B
from motionstream.streaming.guidance import JointGuidance
from motionstream.training.loop import LoopSettings


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """Steps and size of a stage.

    Attributes:
        loop: Steps, rates, averaging.
        batch: Clips of a step, over all processes.
    """

    loop: LoopSettings
    batch: int


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """How the student is distilled (paper, section 3.2).

    Attributes:
        guidance: Of the teacher.
        teacher_steps: Euler steps of a trajectory; their list holds the student's timesteps.
        num_trajectories: Solved for the causal initialisation.
        critic_updates: For one update of the student.
        critic_rate: Learning rate of the critic.
    """

    guidance: JointGuidance = field(default_factory=JointGuidance)
    teacher_steps: int = 50
    num_trajectories: int = 4000
    critic_updates: int = 5
    critic_rate: float = 4e-7


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A model and the whole road to it.

    Attributes:
        name: What it is called on the command line.
        transformer: Of teacher, student and critic, with the channels for image condition and tracks.
        track_head: How motion reaches it.
        stream: Size, chunks and memory of the student.
        num_frames: Video frames of a clip.
        shift: Timestep shift.
        teacher: Stage 1 of the teacher.
        masked_teacher: Stage 2 of the teacher: head frozen, runs of the motion masked.
        rollout: The student's regression on its own past.
        causal_init: The causal initialisation.
        self_forcing: The distillation; its rate is the student's.
        distillation: More about both.
        embedded: Whether it begins with nothing, on the autoencoder and the text encoder of the first stages; otherwise
            with a published checkpoint.
        weigh_channels: Whether errors of latents weigh by what they do to the pixels, see `channel_weights`.
    """

    name: str
    transformer: WanConfig
    track_head: TrackHeadConfig
    stream: StreamConfig
    num_frames: int
    shift: float = 6.0
    teacher: StageSettings
    masked_teacher: StageSettings
    rollout: StageSettings
    causal_init: StageSettings
    self_forcing: StageSettings
    distillation: Distillation
    embedded: bool = False
    weigh_channels: bool = False


def _with_motion(backbone: WanConfig, head: TrackHeadConfig) -> WanConfig:
    """The backbone with channels for the image condition and the encoded tracks."""
    condition = head.condition_channels(backbone.out_channels)
    return replace(backbone, condition_channels=condition, track_channels=head.out_channels)


def _published(name: str, backbone: WanConfig, num_frames: int) -> Preset:
    """The paper's numbers; it gives no batch for the causal initialisation, nor decays of the averages."""
    head = TrackHeadConfig(hidden_channel=True)
    loop = LoopSettings(steps=4800, learning_rate=1e-5, weight_decay=0.01, ema_decay=0.999, cooldown_share=0.0)
    return Preset(
        name=name,
        transformer=_with_motion(backbone, head),
        track_head=head,
        stream=STREAMS[name],
        num_frames=num_frames,
        teacher=StageSettings(loop=loop, batch=128),
        masked_teacher=StageSettings(loop=replace(loop, steps=800, learning_rate=1e-6), batch=128),
        rollout=StageSettings(loop=replace(loop, steps=2000, learning_rate=2e-6), batch=64),
        causal_init=StageSettings(loop=replace(loop, steps=2000, learning_rate=2e-6), batch=64),
        self_forcing=StageSettings(loop=replace(loop, steps=400, learning_rate=2e-6, ema_decay=0.99), batch=64),
        distillation=Distillation(),
    )


def _tiny(name: str, *, hidden_channel: bool) -> Preset:
    head = TrackHeadConfig(identity="origin", hidden_channel=hidden_channel, copy="picture", width=128, out_channels=32)
    channels = 96
    loop = LoopSettings(steps=3000, learning_rate=4e-4, weight_decay=0.01, ema_decay=0.998, warmup_steps=50)
    return Preset(
        name=name,
        transformer=WanConfig(
            num_attention_heads=4,
            attention_head_dim=64,
            in_channels=channels,
            out_channels=channels,
            text_dim=64,
            freq_dim=256,
            ffn_dim=1024,
            num_layers=6,
            condition_channels=head.condition_channels(channels),
            track_channels=head.out_channels,
            prediction="sample",
            gated_condition=True,
        ),
        track_head=head,
        stream=StreamConfig(height=128, width=128, timesteps=(1000.0, 750.0)),
        num_frames=33,
        teacher=StageSettings(loop=loop, batch=8),
        masked_teacher=StageSettings(loop=replace(loop, steps=400, learning_rate=1e-4), batch=8),
        rollout=StageSettings(
            loop=replace(loop, steps=2400, learning_rate=5e-4, ema_decay=0.99, warmup_steps=20, cooldown_share=0.4),
            batch=4,
        ),
        causal_init=StageSettings(loop=replace(loop, steps=800, learning_rate=2e-4), batch=8),
        self_forcing=StageSettings(loop=replace(loop, steps=400, learning_rate=5e-5, ema_decay=0.98), batch=4),
        distillation=Distillation(
            guidance=JointGuidance(text=2.0, motion=0.3),  # 3 and 1.5 burn in at this size: the model card has figures
            teacher_steps=12,
            num_trajectories=512,
            critic_rate=1e-4,
        ),
        embedded=True,
        weigh_channels=True,
    )


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "tiny": _tiny("tiny", hidden_channel=True),
        "tiny-no-hidden": _tiny("tiny-no-hidden", hidden_channel=False),
        "wan2.1-1.3b": _published("wan2.1-1.3b", WAN21_T2V_1_3B, 81),
        "wan2.2-5b": _published("wan2.2-5b", WAN22_TI2V_5B, 81),
    }
)
"""By name; 81 video frames are 21 latent frames, 7 chunks. tiny-no-hidden is what the paper does with points that are
specified but hidden: nothing."""


def find_preset(name: str) -> Preset:
    """Returns a preset.

    Raises:
        InputError: There is none of that name.
    """
    if name not in PRESETS:
        raise InputError(f"--preset: wanted one of {', '.join(PRESETS)}, got {name!r}.")
    return PRESETS[name]
