"""The OAuth callback: received at ``http://localhost``, or pasted by the person."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bizosaas_xero.cli import reasons
from bizosaas_xero.cli.output import Output

LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
CONSENT_SECONDS = 600.0
"""How long a person may take to sign in and consent."""

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<body style="font-family:sans-serif;margin:15vh auto;max-width:30em;padding:0 1em">
<h1>{title}</h1><p>{text}</p></body></html>"""


class Listener:
    """Listens at the redirect address for the callback that carries the state of our consent.

    Args:
        redirect_uri: Where the browser is sent back to; an address of this machine.
        state: The state of the consent; a callback with another state is refused.

    Raises:
        Misconfigured: the port is taken.
    """

    def __init__(self, redirect_uri: str, state: str) -> None:
        parts = urlsplit(redirect_uri)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self.state = state
        self.path = parts.path or "/"
        self.callback: str | None = None
        self.received = threading.Event()
        try:
            self._server = _Server(("127.0.0.1", parts.port or 80), self)
        except OSError as error:
            raise reasons.CALLBACK_PORT_TAKEN(port=parts.port or 80, cause=error.strerror) from None
        # Before ``wait`` is called: opening some browsers blocks until the callback has arrived.
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def wait(self, seconds: float = CONSENT_SECONDS) -> str:
        """Return the full address to which the browser was sent back.

        Raises:
            ReconnectRequired: no callback arrived in time.
        """
        try:
            self.received.wait(seconds)
        finally:
            self._server.shutdown()
            self._server.server_close()
        if self.callback is None:
            raise reasons.CONSENT_TIMEOUT(minutes=seconds / 60)
        return self._origin + self.callback


class _Server(ThreadingHTTPServer):
    """Uses threads, because browsers open connections in advance and leave them idle."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], listener: Listener) -> None:
        self.listener = listener
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Server
    server_version = "bizosaas-xero"
    sys_version = ""

    def do_GET(self) -> None:
        listener, parts = self.server.listener, urlsplit(self.path)
        if parts.path != listener.path:
            self._page(404, "Nothing here", "This address receives the callback of a consent page.")
            return
        query = parse_qs(parts.query)
        if listener.state not in query.get("state", []):
            # Any page in the browser can call this address; only the consent page knows our state.
            self._page(400, "Not accepted", "This callback does not belong to a sign-in that began here.")
            return
        allowed = "error" not in query
        self._page(
            200,
            "Thank you" if allowed else "Access was not allowed",
            "You can close this page and go back to the terminal.",
        )
        listener.callback = self.path
        listener.received.set()

    def _page(self, status: int, title: str, text: str) -> None:
        body = _PAGE.format(title=title, text=text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: a request line holds the authorisation code."""


def read_pasted_callback(output: Output, url: str, redirect_uri: str) -> str:
    """Let the person consent in any browser, and return the callback address that they paste.

    Raises:
        Invalid: the pasted text is not a callback address.
    """
    output.prompt("Open this address in a browser, sign in, and allow access:")
    output.prompt()
    output.prompt(url)
    output.prompt()
    output.prompt(f"It sends you back to {redirect_uri} (registered with your app).")
    output.prompt("Then paste the full address of that page here, even if the page is empty:")
    answer = sys.stdin.readline().strip()
    if "?" not in answer:
        what = "That is not the full address: the part after the question mark is missing."
        if not answer:
            raise reasons.NO_CALLBACK.field("callback_url", "is missing", what="No address was pasted.")
        raise reasons.NO_CALLBACK.field("callback_url", "is not complete", what=what)
    return answer
