"""Idempotency-Keys: for six minutes a repeated request gets the answer of the first one.

Keys belong to the app, not to the organisation. Refusals are remembered too. A key that comes
with another address, method or body is refused.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from bizosaas_xero.sandbox.core.clock import Clock

KEY_SECONDS = 360
MAX_KEY_CHARS = 128


@dataclass(frozen=True)
class StoredAnswer:
    """One answer that is given again under its key."""

    until: float
    request: bytes
    status: int
    media_type: str
    body: bytes


class IdempotencyKeys:
    """The answers by app and key.

    Args:
        clock: Measures the six minutes; a wrong server clock does not change them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: dict[tuple[str, str], StoredAnswer] = {}

    def get_or_run(
        self, app: str, key: str, request: tuple[str, str, bytes], act: Callable[[], tuple[int, str, bytes]]
    ) -> tuple[int, str, bytes] | None:
        """Return the stored answer of a key, or run the request and store its answer.

        Args:
            app: The app's client id.
            key: The Idempotency-Key.
            request: Method, address and body.
            act: Runs the request and returns status, media type and body.

        Returns:
            None when the key was used for another request.
        """
        now = self._clock.now()
        if len(self._answers) > 10_000:  # noqa: PLR2004 - drop expired answers from time to time
            self._answers = {name: stored for name, stored in self._answers.items() if stored.until > now}
        digest = hashlib.sha256(b"\x00".join((request[0].encode(), request[1].encode(), request[2]))).digest()
        stored = self._answers.get((app, key))
        if stored is None or stored.until <= now:
            status, media_type, body = act()
            stored = StoredAnswer(now + KEY_SECONDS, digest, status, media_type, body)
            self._answers[app, key] = stored
        elif stored.request != digest:
            return None
        return stored.status, stored.media_type, stored.body
