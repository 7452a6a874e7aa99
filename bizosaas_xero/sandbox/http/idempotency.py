"""The memory of Idempotency-Keys: for six minutes a repeated request gets the first one's answer again.

Keys belong to the app, not to the organisation. Refusals are remembered like everything else. A key that
comes with another address, method or body is refused.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from bizosaas_xero.sandbox.core.clock import Clock

SECONDS = 360
LONGEST = 128


@dataclass(frozen=True)
class Kept:
    """One answer that may be asked for again."""

    until: float
    request: bytes
    status: int
    media_type: str
    body: bytes


class Memory:
    """What was answered under which key.

    Args:
        clock: Measures the six minutes; a wrong server clock does not change them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], Kept] = {}

    def answer(
        self, app: str, key: str, request: tuple[str, str, bytes], act: Callable[[], tuple[int, str, bytes]]
    ) -> tuple[int, str, bytes] | None:
        """Return the answer to a request under a key: the remembered one, or that of acting now.

        Args:
            app: The app's client id.
            key: The Idempotency-Key.
            request: Method, address and body.
            act: Does what is asked for and gives status, media type and body.

        Returns:
            None when the key was used for another request.
        """
        now = self._clock.now()
        if len(self._kept) > 10_000:  # noqa: PLR2004 - forget what is over now and then
            self._kept = {name: kept for name, kept in self._kept.items() if kept.until > now}
        digest = hashlib.sha256(b"\x00".join((request[0].encode(), request[1].encode(), request[2]))).digest()
        kept = self._kept.get((app, key))
        if kept is None or kept.until <= now:
            status, media_type, body = act()
            kept = Kept(now + SECONDS, digest, status, media_type, body)
            self._kept[app, key] = kept
        elif kept.request != digest:
            return None
        return kept.status, kept.media_type, kept.body
