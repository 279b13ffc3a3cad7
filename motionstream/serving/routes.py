"""Routes: health, metrics and recordings over plain HTTP."""

from __future__ import annotations

from typing import Literal, get_args

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict

from motionstream import __version__
from motionstream.errors import InputError
from motionstream.serving.codecs import available_codecs
from motionstream.serving.messages import PROTOCOL_VERSION, Codec, ProviderInfo, StreamStatus
from motionstream.serving.recordings import RecordingInfo, Recordings
from motionstream.serving.service import Service
from motionstream.serving.streams import Streams


class Readiness(BaseModel):
    """Whether streams can be started.

    Attributes:
        status: What the server does.
        description: Why not, for people.
    """

    status: Literal["loading", "ready", "failed"]
    description: str = ""


class Info(BaseModel):
    """What the server is.

    Attributes:
        motionstream: Version of the library.
        protocol: Version of the live protocol.
        readiness: Whether streams can be started.
        model: The checkpoint in a few words; empty while it is loading.
        codecs: What frames can be sent in.
        providers: Sources of motion.
        recordings: Whether recordings are kept.
        max_streams: Streams that take turns at a time.
    """

    model_config = ConfigDict(frozen=True)

    motionstream: str = __version__
    protocol: int = PROTOCOL_VERSION
    readiness: Readiness
    model: str
    codecs: tuple[Codec, ...]
    providers: tuple[ProviderInfo, ...]
    recordings: bool
    max_streams: int


def make_routes(service: Service, streams: Streams) -> APIRouter:
    """The routes of one server."""
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        """The server runs."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"model": Readiness}})
    def readyz(response: Response) -> Readiness:
        """Streams can be started."""
        readiness = _readiness(service)
        response.status_code = 200 if readiness.status == "ready" else 503
        return readiness

    @router.get("/metrics", response_class=Response)
    def metrics() -> Response:
        """What a monitoring system wants to know, in Prometheus' format."""
        for status, number in {**dict.fromkeys(get_args(StreamStatus), 0), **streams.by_status}.items():
            service.metrics.streams.labels(status).set(number)
        service.metrics.waiting.set(service.seats.num_waiting)
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @router.get("/api/info")
    def info() -> Info:
        """What the server is."""
        return Info(
            readiness=_readiness(service),
            model=service.model,
            codecs=available_codecs(),
            providers=service.offers.infos,
            recordings=service.recordings is not None,
            max_streams=service.settings.max_streams,
        )

    @router.get("/api/recordings")
    def recordings() -> list[RecordingInfo]:
        """Finished recordings, the newest first."""
        return [] if service.recordings is None else service.recordings.infos()

    @router.get("/api/recordings/{name}/{file}", response_class=FileResponse)
    def recording_file(name: str, file: str) -> FileResponse:
        """A file of a recording."""
        try:
            path = _recordings(service).file(name, file)
        except InputError as error:
            raise HTTPException(404, str(error)) from error
        return FileResponse(path, filename=f"{name}-{file}", content_disposition_type="inline")

    @router.delete("/api/recordings/{name}", status_code=204)
    def remove_recording(name: str) -> None:
        """Remove a recording."""
        try:
            _recordings(service).remove(name)
        except InputError as error:
            raise HTTPException(404, str(error)) from error

    return router


def _readiness(service: Service) -> Readiness:
    if service.failure:
        return Readiness(status="failed", description=service.failure)
    return Readiness(status="ready") if service.ready else Readiness(status="loading", description="Loading the model.")


def _recordings(service: Service) -> Recordings:
    if service.recordings is None:
        raise InputError("This server keeps no recordings.")
    return service.recordings
