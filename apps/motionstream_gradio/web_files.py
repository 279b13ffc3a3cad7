"""The page's modules and example pictures, as they lie on disk; browsers ask each time whether they changed."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from motionstream_gradio.examples import FOLDER as EXAMPLES

WEB = Path(__file__).resolve().parent / "web"


class _FreshFiles(StaticFiles):
    """An update of the server must not meet modules of the version before."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response


def mount_web_files(app: FastAPI) -> None:
    """Serve them under /studio."""
    mimetypes.add_type("text/javascript", ".js")  # some systems say text/plain, and browsers refuse such modules
    if EXAMPLES.is_dir():
        app.mount("/studio/examples", _FreshFiles(directory=EXAMPLES), name="studio-examples")
    app.mount("/studio", _FreshFiles(directory=WEB), name="studio")
