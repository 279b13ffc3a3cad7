"""What a program that talks to a live server can act on."""

from motionstream.errors import MotionStreamError


class LiveError(MotionStreamError):
    """The server refused something or failed, or cannot be reached.

    Attributes:
        code: As in the protocol's `error`; "connection" where the server is gone, "time" where it did not answer.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
