"""`python -m motionstream_camera.measure poses|views`."""

from __future__ import annotations

import sys

from motionstream.errors import MotionStreamError
from motionstream_camera.measure.poses import Poses
from motionstream_camera.measure.views import Views


def main(arguments: list[str] | None = None) -> int:
    """Run a measurement and return the exit code."""
    import tyro

    try:
        command: Poses | Views = tyro.extras.subcommand_cli_from_dict(
            {"poses": Poses, "views": Views}, prog="motionstream_camera.measure", args=arguments
        )
        return command.run()
    except MotionStreamError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
