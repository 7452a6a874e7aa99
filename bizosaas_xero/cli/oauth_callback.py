"""How the answer of the consent page comes back: to ``http://localhost``, or pasted by the person."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bizosaas_xero.cli.output import Output
from bizosaas_xero.spec import Invalid, Misconfigured, ReconnectRequired

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PATIENCE = 600.0
"""Seconds in which a person signs in."""

PAGE_ERRORS = (
    "If Xero's page showed an error about redirect_uri, register exactly this redirect address with "
    "your app at developer.xero.com; if about a scope, try --scopes legacy (or granular)."
)
"""What stands behind an error that only the person sees: the browser does not come back from it."""

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<body style="font-family:sans-serif;margin:15vh auto;max-width:30em;padding:0 1em">
<h1>{title}</h1><p>{text}</p></body></html>"""


class Listener:
    """Listens at the redirect address, and takes the one answer that carries the state of our consent.

    Args:
        redirect_uri: Where the browser will come back to; on this machine.
        state: The state of the consent; an answer with another is turned away.

    Raises:
        Misconfigured: if the port is taken.
    """

    def __init__(self, redirect_uri: str, state: str) -> None:
        parts = urlsplit(redirect_uri)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self.state = state
        self.path = parts.path or "/"
        self.answer: str | None = None
        self.came = threading.Event()
        try:
            self._server = _Server(("127.0.0.1", parts.port or 80), self)
        except OSError as error:
            raise Misconfigured(
                f"The port {parts.port or 80} of this machine cannot be listened on: {error.strerror}.",
                remedy="Choose another with --port (and register its redirect address with your app), or use "
                "--no-browser and paste the address.",
                reason="port_taken",
            ) from None
        # Already now: some browsers are waited for, and come back before ``wait`` is called.
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def wait(self, seconds: float = PATIENCE) -> str:
        """Return the whole address to which the browser came back.

        Raises:
            ReconnectRequired: if it did not come in time.
        """
        try:
            self.came.wait(seconds)
        finally:
            self._server.shutdown()
            self._server.server_close()
        if self.answer is None:
            raise ReconnectRequired(
                f"Nobody came back from the consent page within {seconds / 60:.0f} minutes.",
                remedy=f"Run the command again; if no page opens here, use --no-browser. {PAGE_ERRORS}",
                reason="consent_timeout",
            )
        return self._origin + self.answer


class _Server(ThreadingHTTPServer):
    """Threads, because browsers open connections ahead and leave them idle."""

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
            self._page(404, "Nothing here", "This address waits for the answer of a consent page.")
            return
        query = parse_qs(parts.query)
        if listener.state not in query.get("state", []):
            # Any page in the browser can call this address; only the consent page knows our state.
            self._page(400, "Not accepted", "This answer belongs to no sign-in that was begun here.")
            return
        allowed = "error" not in query
        self._page(
            200,
            "Thank you" if allowed else "Access was not allowed",
            "You can close this page and go back to the terminal.",
        )
        listener.answer = self.path
        listener.came.set()

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


def pasted(output: Output, url: str, redirect_uri: str) -> str:
    """Let the person consent in any browser, and return the address that they paste.

    Raises:
        Invalid: if it is no address to which a consent page sends anybody.
    """
    output.ask("Open this address in a browser, sign in, and allow access:")
    output.ask(f"\n{url}\n")
    output.ask(f"It sends you back to {redirect_uri} (registered with your app).")
    output.ask("Then paste here the whole address of that page, even if it shows nothing:")
    answer = sys.stdin.readline().strip()
    if "?" not in answer:
        raise Invalid(
            "That is not the whole address: what follows the question mark is missing."
            if answer
            else "No address was pasted.",
            remedy=f"Run the command again and paste what the browser's address bar shows. {PAGE_ERRORS}",
            reason="no_callback",
            problems=[{"field": "callback_url", "message": "is not whole" if answer else "is missing"}],
        )
    return answer
