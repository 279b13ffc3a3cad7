"""Metrics: what a monitoring system wants to know, in Prometheus' words; one registry for each server."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCIES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
_WORK = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.75, 1.5, 3, 6, 12)


class Metrics:
    """Counters and times of a server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.connections = Gauge("motionstream_connections", "Open connections.", registry=registry)
        self.streams = Gauge("motionstream_streams", "Streams by status.", ["status"], registry=registry)
        self.waiting = Gauge("motionstream_waiting", "Streams that queue for a seat.", registry=registry)
        self.refused = Counter("motionstream_refused", "Refusals and failures.", ["code"], registry=registry)
        self.events = Counter("motionstream_events", "Things that users did.", registry=registry)
        self.chunks = Counter("motionstream_chunks", "Chunks made.", registry=registry)
        self.frames_sent = Counter("motionstream_frames_sent", "Video frames sent.", registry=registry)
        self.frames_dropped = Counter("motionstream_frames_dropped", "Video frames left out.", registry=registry)
        self.bytes_sent = Counter("motionstream_frame_bytes_sent", "Bytes of video frames sent.", registry=registry)
        self.recordings = Counter("motionstream_recordings", "Recordings finished.", registry=registry)
        self.chunk_seconds = Histogram(
            "motionstream_chunk_seconds", "Time of the model for a chunk.", buckets=_WORK, registry=registry
        )
        self.turn_seconds = Histogram(
            "motionstream_turn_wait_seconds", "Time a chunk waited for the model.", buckets=_WORK, registry=registry
        )
        self.encode_seconds = Histogram(
            "motionstream_encode_seconds", "Time to encode a video frame.", buckets=_WORK, registry=registry
        )
        self.latency_seconds = Histogram(
            "motionstream_control_to_photon_seconds",
            "From an input to the display of the first frame that it moved.",
            buckets=_LATENCIES,
            registry=registry,
        )

    def made(self, waited_seconds: float, took_seconds: float) -> None:
        """A chunk was made."""
        self.chunks.inc()
        self.turn_seconds.observe(waited_seconds)
        self.chunk_seconds.observe(took_seconds)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return bytes(generate_latest(self._registry))
