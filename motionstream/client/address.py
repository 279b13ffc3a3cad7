"""Where the socket of an app is."""

from urllib.parse import urlsplit, urlunsplit

from motionstream.errors import InputError

_PATH = "/ws/live"
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def live_address(url: str) -> str:
    """The socket's address, from what people paste: "host:7860", the app's page, or the socket itself.

    Raises:
        InputError: It is no such address.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise InputError(f"Address: wanted something like http://127.0.0.1:7860, got {url!r}.")
    path = parts.path.rstrip("/")
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path if path.endswith(_PATH) else path + _PATH, "", ""))
