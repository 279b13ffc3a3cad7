"""Health, readiness, metrics, tokens and origins, by plain HTTP and at the WebSocket's door."""

import threading

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from motionstream.errors import CheckpointError
from motionstream.serving.messages import Error, Hello, State
from motionstream.serving.server import create_app
from motionstream.serving.settings import ServerSettings


def test_pages_come_while_the_model_loads_and_ready_comes_when_it_is_there(open_studio, engine):
    go = threading.Event()
    studio = open_studio(lambda: (go.wait(20), engine)[1])
    try:
        assert studio.client.get("/healthz").json() == {"status": "ok"}
        assert studio.client.get("/readyz").status_code == 503
        assert studio.client.get("/api/info").json()["readiness"]["status"] == "loading"
        visitor = studio.visit()
        visitor.send(Hello(version=1))
        assert visitor.until(State).description == "Loading the model."
    finally:
        go.set()
    assert visitor.until(lambda got: got.type == "ready").width == 32
    assert studio.client.get("/readyz").status_code == 200
    info = studio.client.get("/api/info").json()
    assert info["model"].startswith("tiny, 32x32, 16 fps, float32")
    assert "drag" in [provider["name"] for provider in info["providers"]]


def test_a_model_that_cannot_be_loaded_is_told_to_everybody(open_studio):
    def broken():
        raise CheckpointError("weights.safetensors is missing. Download it.")

    studio = open_studio(broken)
    visitor = studio.visit()
    visitor.send(Hello(version=1))
    error = visitor.until(Error)
    assert (error.code, error.fatal) == ("model", True)
    assert "is missing" in error.message
    readiness = studio.client.get("/readyz")
    assert readiness.status_code == 503
    assert "is missing" in readiness.json()["description"]


def test_metrics_count_what_happens(open_studio):
    studio = open_studio()
    visitor = studio.enter()
    visitor.start()
    visitor.drag(0, (0.5, 0.5), (0.6, 0.5))
    visitor.frames(40)
    visitor.send("nonsense")
    visitor.until(Error)
    lines = studio.client.get("/metrics").text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values["motionstream_chunks_total"]) >= 3
    assert float(values["motionstream_frames_sent_total"]) >= 40
    assert float(values["motionstream_events_total"]) == 2
    assert float(values['motionstream_streams{status="streaming"}']) == 1
    assert float(values['motionstream_refused_total{code="protocol"}']) == 1
    assert float(values["motionstream_connections"]) == 1


def test_away_from_the_loopback_nothing_but_health_is_shown_without_the_token(engine):
    app = create_app(engine, ServerSettings(host="0.0.0.0", token="open sesame"))
    with TestClient(app, base_url="http://studio.example", follow_redirects=False) as client:
        assert client.get("/healthz").status_code == 200
        for path in ("/", "/metrics", "/api/info", "/api/recordings", "/openapi.json", "/docs", "/healthz/../metrics"):
            assert client.get(path).status_code == 401
        assert client.get("/api/info?token=wrong").status_code == 401
        assert client.get("/api/info", headers={"Authorization": "Bearer open sesame"}).status_code == 200
        assert client.delete("/api/recordings/none?token=open sesame").status_code == 404
        welcome = client.get("/api/info?token=open sesame&theme=dark")
        assert (welcome.status_code, welcome.headers["location"]) == (303, "?theme=dark")
        assert "open sesame" not in welcome.headers["set-cookie"]
        assert "HttpOnly" in welcome.headers["set-cookie"]
        assert client.get("/api/info").status_code == 200


def test_the_websocket_asks_for_the_token_too(engine):
    app = create_app(engine, ServerSettings(host="0.0.0.0", token="open sesame"))
    with TestClient(app, base_url="http://studio.example") as client:
        with client.websocket_connect("/ws/live") as session:
            session.send_text(Hello(version=1, token="guess").model_dump_json())
            assert session.receive_json()["code"] == "access"
            with pytest.raises(WebSocketDisconnect) as closed:
                session.receive_json()
            assert closed.value.code == 4401
        with client.websocket_connect("/ws/live") as session:
            session.send_text(Hello(version=1, token="open sesame").model_dump_json())
            assert session.receive_json()["type"] in ("ready", "state")
        with client.websocket_connect("/ws/live", headers={"Authorization": "Bearer open sesame"}) as session:
            session.send_text(Hello(version=1).model_dump_json())
            assert session.receive_json()["type"] in ("ready", "state")
        with client.websocket_connect("/ws/live") as session:
            ticket = app.state.service.access.ticket("ann")
            session.send_text(Hello(version=1, token=ticket).model_dump_json())
            assert session.receive_json()["type"] in ("ready", "state")


def test_with_a_login_of_their_own_pages_come_without_the_token_but_nothing_of_the_server_does(engine):
    app = create_app(engine, ServerSettings(login=True))

    @app.get("/studio")
    def studio() -> str:
        return "behind a login"

    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/studio").status_code == 200
        assert client.get("/api/recordings").status_code == 401
        with client.websocket_connect("/ws/live") as session:
            session.send_text(Hello(version=1).model_dump_json())
            assert session.receive_json()["code"] == "access"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example"])
def test_a_page_of_a_stranger_is_refused_before_the_handshake(open_studio, origin):
    with (
        pytest.raises(WebSocketDisconnect),
        open_studio().client.websocket_connect("/ws/live", headers={"Origin": origin}),
    ):
        pass


def test_a_strange_name_that_points_here_is_shown_nothing_that_the_server_keeps(open_studio):
    client = open_studio().client
    for path in ("/api/recordings", "/metrics"):
        assert client.get(path, headers={"Host": "evil.example"}).status_code == 403
        assert client.get(path, headers={"Host": "localhost:7860"}).status_code == 200
    proxied = {"Host": "127.0.0.1:7860", "X-Forwarded-Host": "studio.example"}
    assert client.get("/api/recordings", headers=proxied).status_code == 200


def test_the_servers_own_page_comes_in(open_studio):
    visitor = open_studio().visit(headers={"Origin": "http://localhost", "Host": "localhost"})
    assert visitor.hello().version == 1


def test_every_route_is_described(open_studio):
    paths = open_studio().client.get("/openapi.json").json()["paths"]
    assert {"/healthz", "/readyz", "/metrics", "/api/info", "/api/recordings"} <= paths.keys()
