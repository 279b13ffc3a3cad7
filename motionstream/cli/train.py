"""`motionstream train`: the stages that make a checkpoint, one after the other.

Every stage works in a folder and goes on from what lies there: the same command continues an interrupted one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from motionstream.cli.train_distilled import TrainCausalInit, TrainSelfForcing, Trajectories
from motionstream.cli.train_encode import Encode
from motionstream.cli.train_first import TrainText, TrainTinyVAE
from motionstream.cli.train_networks import TrainRollout, TrainTeacher
from motionstream.cli.train_plan import Plan
from motionstream.cli.train_steps import RUNS, Parts


@dataclass(frozen=True, kw_only=True)
class Export(Parts):
    """The last stage: a checkpoint that the engine streams, from a run's averaged weights."""

    out: Path
    """The checkpoint's folder; an older checkpoint is replaced, its model card stays."""
    networks: Path = RUNS / "rollout"
    """Folder of the student's run, or of the teacher's."""

    def run(self) -> int:
        """Write it."""
        from motionstream.training.export import averaged_networks, export_checkpoint

        base = self.source().load("cpu")
        folder = export_checkpoint(averaged_networks(self.networks, base.preset), base, self.out)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(f"{folder}: {size / 1e6:.1f} MB; `motionstream generate --checkpoint {self.out}` streams it")
        return 0


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Draw what the loss did, one row a run."""

    out: Path
    """The PNG to write."""
    folders: tuple[Path, ...] = field(default=(RUNS / "rollout",))
    """Folders of runs."""

    def run(self) -> int:
        """Draw them."""
        from motionstream.training.curves import CURVE_FILE, draw_curves, read_curve

        print(draw_curves({str(folder): read_curve(folder / CURVE_FILE) for folder in self.folders}, self.out))
        return 0


def _stage(name: str) -> object:
    return tyro.conf.subcommand(name, prefix_name=False)


@dataclass(frozen=True)
class Train:
    """Make a checkpoint, stage by stage: tiny-vae, text, encode, teacher, ..., export."""

    stage: tyro.conf.OmitArgPrefixes[
        Annotated[TrainTinyVAE, _stage("tiny-vae")]
        | Annotated[TrainText, _stage("text")]
        | Annotated[Encode, _stage("encode")]
        | Annotated[TrainTeacher, _stage("teacher")]
        | Annotated[TrainRollout, _stage("rollout")]
        | Annotated[Trajectories, _stage("trajectories")]
        | Annotated[TrainCausalInit, _stage("causal-init")]
        | Annotated[TrainSelfForcing, _stage("self-forcing")]
        | Annotated[Export, _stage("export")]
        | Annotated[Curves, _stage("curves")]
        | Annotated[Plan, _stage("plan")]
    ]

    def run(self) -> int:
        """Run the stage."""
        return self.stage.run()
