"""Guard: asks every visitor for the token before anything else sees the request; plain ASGI, so that streams pass."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from motionstream.serving.access import COOKIE, TICKET_SECONDS, Access

_OPEN_PATHS = ("/healthz", "/readyz")
_OWN_PATHS = ("/api/", "/metrics")


class Guard:
    """Lets health checks and those who show the token through.

    WebSockets are let through too: `hello` may bring the token. So are other pages where they have their own login.

    Args:
        app: What is guarded.
        access: The rules.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        app = self._app if scope["type"] != "http" else self._answer(HTTPConnection(scope)) or self._app
        await app(scope, receive, send)

    def _answer(self, request: HTTPConnection) -> Response | None:
        """What to say instead of the page; None lets the request through."""
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        shown = request.query_params.get("token")
        if self._access.token is not None and shown is not None and self._access.admits(shown):
            return self._welcome(request) if request.scope["method"] in ("GET", "HEAD") else None
        own = any(path.startswith(prefix) for prefix in _OWN_PATHS)
        if own and not self._access.admits_host(request.headers):
            message = "Wanted the server's own name, got another one. Open it as localhost, or allow its origin.\n"
            return PlainTextResponse(message, 403)
        if path in _OPEN_PATHS or (self._access.login and not own):
            return None
        if self._access.admits_headers(request.headers, request.cookies):
            return None
        message = "Wanted a token, got none or a wrong one. Open the address that the server printed when it started.\n"
        return PlainTextResponse(message, 401, headers={"WWW-Authenticate": "Bearer"})

    def _welcome(self, request: HTTPConnection) -> Response:
        """Remember the visitor by a cookie, and take the token out of the address bar."""
        query = urlencode([(key, value) for key, value in parse_qsl(request.url.query) if key != "token"])
        response = RedirectResponse(f"?{query}" if query else request.url.path.rsplit("/", 1)[-1] or ".", 303)
        response.set_cookie(
            COOKIE,
            self._access.ticket(),
            max_age=TICKET_SECONDS,
            path=request.scope.get("root_path", "") or "/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        response.headers["Referrer-Policy"] = "no-referrer"
        return response
