"""Access: who may use the server. The loopback needs nothing, elsewhere a token is asked for; strange pages stay out.

A token is shown as `Authorization: Bearer ...`, by visiting `?token=...` once (a cookie remembers it), or in `hello`. A
ticket is a signed, short-lived stand-in for the token that a page behind another login hands to its own script.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeTimedSerializer

from motionstream.serving.settings import ServerSettings

COOKIE = "motionstream_ticket"
TICKET_SECONDS = 24 * 3600


class Access:
    """The rules of one server.

    Attributes:
        token: What to show; None where nothing is asked for.
        login: See `ServerSettings.login`.

    Args:
        settings: Of the server.
    """

    def __init__(self, settings: ServerSettings) -> None:
        local = is_loopback(settings.host)
        self.login = settings.login
        self.token = settings.token or (None if local and not settings.login else secrets.token_urlsafe(24))
        self._local_only = local and self.token is None
        self._proxied = settings.proxied
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.allowed_origins)
        self._tickets = URLSafeTimedSerializer(self.token or secrets.token_urlsafe(24), salt="motionstream.ticket")

    def ticket(self, subject: str = "") -> str:
        """A stand-in for the token that is good for a day."""
        return str(self._tickets.dumps(subject))

    def admits(self, shown: str | None) -> bool:
        """Whether a token or ticket, or nothing, is enough."""
        if self.token is None:
            return True
        if not shown:
            return False
        return hmac.compare_digest(shown.encode(), self.token.encode()) or self._is_ticket(shown)

    def admits_headers(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
        """Whether a request brings what is asked for in its header or cookie."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        shown = bearer.strip() if scheme.lower() == "bearer" else ""
        return self.admits(shown) or self.admits(cookies.get(COOKIE))

    def admits_origin(self, headers: Mapping[str, str]) -> bool:
        """Whether a page of this origin may connect: the server's own, or one in the list.

        Without an origin it is no browser, which cannot be lured. On the loopback without a token the name must be
        a local one besides, or a stranger's name that points here would be let in.
        """
        origin = headers.get("origin")
        if origin is None or origin.rstrip("/").lower() in self._origins:
            return True
        host = _host_of(origin)
        if host and host == self._forwarded_host(headers):
            return True
        return bool(host) and host == headers.get("host", "").lower() and not self._is_strange(host)

    def admits_host(self, headers: Mapping[str, str]) -> bool:
        """Whether what the server keeps may be shown under this name; see `admits_origin` for the reason.

        A proxy says the name that it is known by as X-Forwarded-Host.
        """
        host = headers.get("host", "").lower()
        listed = any(_host_of(origin) == host for origin in self._origins)
        return listed or self._forwarded_host(headers) != "" or not self._is_strange(host)

    def _forwarded_host(self, headers: Mapping[str, str]) -> str:
        """What a proxy says, where there is one: a script in a stranger's page can set this header too."""
        return headers.get("x-forwarded-host", "").split(",")[0].strip().lower() if self._proxied else ""

    def _is_strange(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return True
        return self._local_only and not is_loopback(name)

    def _is_ticket(self, shown: str) -> bool:
        try:
            self._tickets.loads(shown, max_age=TICKET_SECONDS)
        except BadSignature:
            return False
        return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_of(origin: str) -> str:
    """The "name:port" of an origin, as a browser puts it into Host; nothing where it has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
