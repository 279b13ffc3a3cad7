"""The shape of a tiny video autoencoder: what the public TAEHV family fixes by file name, as data."""

from dataclasses import asdict, dataclass, fields
from typing import Any

StageFlags = tuple[bool, ...]
NUM_STAGES = 3


@dataclass(frozen=True, kw_only=True)
class TinyVAEConfig:
    """Widths and strides of a `TinyVAE`; the defaults are the public layout for Wan 2.1.

    Attributes:
        latent_channels: Channels of a latent frame.
        patch_size: Pixels along one side of the patch that is folded into channels before the first convolution.
        encoder_channels: Width of the encoder, the same in all stages.
        decoder_channels: Widths of the three decoder stages and of the last convolution's input.
        encoder_time_down: Which encoder stages halve the frame rate.
        encoder_space_down: Which encoder stages halve height and width.
        decoder_time_up: Which decoder stages double the frame rate.
        decoder_space_up: Which decoder stages double height and width.
        blocks_per_stage: Memory blocks in every stage (public checkpoints: 3).
        patch_shortcut: Whether a linear autoencoder of patches runs beside the stacks (ours; public layouts: no).
        stacks: Whether there are convolution stacks; without them the patch shortcut is the whole autoencoder.
        negative_slope: Of the rectifiers below zero. The public layouts have 0; a net trained from nothing in few
            steps needs more, or whole stages fall silent under their mostly positive inputs.
        latents_mean: Mean of each latent channel, subtracted by `encode`; empty means 0.
        latents_std: Standard deviation of each latent channel, divided out by `encode`; empty means 1.

    Raises:
        ValueError: If the parts do not fit each other.
    """

    latent_channels: int = 16
    patch_size: int = 1
    encoder_channels: int = 64
    decoder_channels: tuple[int, ...] = (256, 128, 64, 64)
    encoder_time_down: StageFlags = (True, True, False)
    encoder_space_down: StageFlags = (True, True, True)
    decoder_time_up: StageFlags = (False, True, True)
    decoder_space_up: StageFlags = (True, True, True)
    blocks_per_stage: int = 3
    patch_shortcut: bool = False
    stacks: bool = True
    negative_slope: float = 0.0
    latents_mean: tuple[float, ...] = ()
    latents_std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("encoder_time_down", "encoder_space_down", "decoder_time_up", "decoder_space_up"):
            _check_length(name, getattr(self, name), NUM_STAGES)
        _check_length("decoder_channels", self.decoder_channels, NUM_STAGES + 1)
        for name in ("latents_mean", "latents_std"):
            if getattr(self, name):
                _check_length(name, getattr(self, name), self.latent_channels)
        if sum(self.encoder_time_down) != sum(self.decoder_time_up):
            raise ValueError(
                f"encoder_time_down {self.encoder_time_down} and decoder_time_up {self.decoder_time_up} must switch on "
                "equally many stages, or decoding would change the number of frames"
            )
        if sum(self.encoder_space_down) != sum(self.decoder_space_up):
            raise ValueError(
                f"encoder_space_down {self.encoder_space_down} and decoder_space_up {self.decoder_space_up} must "
                "switch on equally many stages, or decoding would change the size of the picture"
            )
        if not (self.stacks or self.patch_shortcut):
            raise ValueError("an autoencoder needs stacks or patch_shortcut, got neither")
        if any(std <= 0 for std in self.latents_std):
            raise ValueError(f"latents_std must be positive in every channel, got {self.latents_std}")

    @property
    def spatial_stride(self) -> int:
        """Pixels along one side of a latent cell."""
        return int(self.patch_size * 2 ** sum(self.encoder_space_down))

    @property
    def temporal_stride(self) -> int:
        """Video frames of a latent frame after the first."""
        return int(2 ** sum(self.encoder_time_down))

    @classmethod
    def taew2_1(cls) -> "TinyVAEConfig":
        """The public `taew2_1` layout: latents of Wan 2.1 and of Wan 2.2 14B (16 channels, stride 8)."""
        return cls()

    @classmethod
    def taew2_2(cls) -> "TinyVAEConfig":
        """The public `taew2_2` layout: latents of Wan 2.2 5B (48 channels, stride 16)."""
        return cls(latent_channels=48, patch_size=2)

    @classmethod
    def embedded(
        cls,
        *,
        encoder_channels: int = 32,
        decoder_channels: tuple[int, ...] = (96, 64, 48, 32),
        blocks_per_stage: int = 3,
    ) -> "TinyVAEConfig":
        """A layout with stacks for the embedded size: 16 channels, stride 8, decoded live on two CPU cores.

        The embedded checkpoint is `linear` instead.

        Space doubles in decoder stages 0 and 2 only, so that no memory block runs at more than a quarter of the
        picture's height and width.
        """
        return cls(
            patch_size=2,
            encoder_channels=encoder_channels,
            decoder_channels=decoder_channels,
            encoder_space_down=(True, True, False),
            decoder_space_up=(True, False, True),
            blocks_per_stage=blocks_per_stage,
            patch_shortcut=True,
            negative_slope=0.2,
        )

    @classmethod
    def linear(cls, latent_channels: int = 96) -> "TinyVAEConfig":
        """No stacks at all: principal components of blocks of 4 x 8 x 8 pixels (the embedded checkpoint)."""
        return cls(
            latent_channels=latent_channels,
            patch_size=2,
            encoder_space_down=(True, True, False),
            decoder_space_up=(True, False, True),
            patch_shortcut=True,
            stacks=False,
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the configuration as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TinyVAEConfig":
        """Builds a configuration from JSON values; keys that start with `_` are ignored as diffusers writes them.

        Raises:
            ValueError: If a key is unknown or the values do not fit each other.
        """
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in values.items() if not name.startswith("_")}
        if unknown := sorted(values.keys() - known):
            raise ValueError(f"unknown keys {unknown} in a tiny VAE's configuration; known are {sorted(known)}")
        arguments: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**arguments)


def _check_length(name: str, values: tuple[Any, ...], wanted: int) -> None:
    if len(values) != wanted:
        raise ValueError(f"{name} must have {wanted} entries, got {len(values)}: {values}")
