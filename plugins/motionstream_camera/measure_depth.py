"""Measure sources of depth on real RGB-D sets: `python -m motionstream_camera.measure_depth --help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from motionstream.errors import MotionStreamError
from motionstream_camera.depth import estimator_called
from motionstream_camera.depth_training.measuring import DepthScore, mean_scores, real_pictures


def main(arguments: list[str] | None = None) -> int:
    """Print a table: AbsRel / share within 1.25 by set and source, and the mean over the sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", default=["floor", "depth-tiny"], help="names or folders of depth sources")
    parser.add_argument("--data", type=Path, required=True, help="folder of the RGB-D sets")
    parser.add_argument("--threads", type=int, default=1)
    wanted = parser.parse_args(arguments)
    try:
        _limit_threads(wanted.threads)
        estimators = [estimator_called(name, near=1, far=8) for name in wanted.sources]  # the settings' defaults
        columns = [mean_scores(estimator, real_pictures(wanted.data)) for estimator in estimators]
    except MotionStreamError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(_table(wanted.sources, columns))
    return 0


def _limit_threads(num: int) -> None:
    import cv2
    import torch

    torch.set_num_threads(num)
    cv2.setNumThreads(num if num > 1 else 0)


def _table(sources: list[str], columns: list[dict[str, DepthScore]]) -> str:
    lines = ["| set | " + " | ".join(sources) + " |", "|---" * (len(sources) + 1) + "|"]
    for name in columns[0]:
        lines.append(f"| {name} | " + " | ".join(_cell([scores[name]]) for scores in columns) + " |")
    lines.append("| mean of the sets | " + " | ".join(_cell(list(scores.values())) for scores in columns) + " |")
    return "\n".join(lines)


def _cell(scores: list[DepthScore]) -> str:
    return f"{np.mean([s.abs_rel for s in scores]):.3f} / {np.mean([s.within for s in scores]):.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
