"""What every request passes: host name, session, sign-in, size, origin and token of forms; and answers' headers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bizosaas_xero.web.sessions import Session, Sessions, copy_of
from bizosaas_xero.web.settings import Identity, WebSettings, is_loopback

MAX_BODY_BYTES = 65_536
MAX_FIELDS = 200
VISIT = "bizosaas.visit"
"""The key of :class:`Visit` in the ASGI scope."""

OPEN_PATHS = ("/static/", "/sign-in", "/signed-out", "/healthz")
"""What is shown without sign-in."""

_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # no-referrer would make browsers send `Origin: null` with our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

SignInAgain = Callable[[Request, str], Response]
"""Has a signed-in person sign in again, and leads them back to a path of these pages."""

Identify = Callable[[Request], Identity | None]
"""How a platform that mounts the pages tells who is signed in."""


class Refused(Exception):
    """A request that reaches no page.

    Args:
        status: Of the answer.
        title: What is wrong, in a few words.
        message: What happened, and what the person can do.
        link: Where to go: a path and its text.
    """

    def __init__(self, status: int, title: str, message: str, link: tuple[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.title, self.message, self.link = status, title, message, link


@dataclass
class Visit:
    """What the guard found out about a request, for the page."""

    session: Session
    identity: Identity | None
    form: dict[str, str] = field(default_factory=dict)

    @property
    def user(self) -> Identity:
        """The signed-in person; pages that are not open are not reached without one."""
        if self.identity is None:
            raise Refused(401, "Please sign in", "This page needs a signed-in person.")
        return self.identity


def visit_of(request: Request) -> Visit:
    """Return what the guard found out about a request."""
    visit: Visit = request.scope[VISIT]
    return visit


class SignIn(Protocol):
    """How people sign in here."""

    def invite(self, path: str) -> Refused:
        """Return what a person reads who is not signed in; ``path`` is what they asked for."""


class Guard:
    """ASGI middleware around the pages.

    Args:
        app: The pages.
        settings: Where they are.
        sessions: Reads and writes the cookie.
        refusal: Makes the page of a refusal.
        sign_in: How people sign in here.
        identify: A platform's own sign-in; by default the session says who is signed in.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: WebSettings,
        sessions: Sessions,
        refusal: Callable[[Request, Refused], Response],
        sign_in: SignIn,
        identify: Identify | None,
    ) -> None:
        self._app = app
        self._settings = settings
        self._sessions = sessions
        self._refusal = refusal
        self._sign_in = sign_in
        self._identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        session = await run_in_threadpool(self._sessions.read, request.headers.get("cookie", ""))
        before = copy_of(session) if session else None
        visit = Visit(session or self._sessions.new(), None)
        scope[VISIT] = visit
        guarded = self._with_headers(scope, send, visit, before)
        try:
            answer = await self._admit(request, visit)
        except Refused as refused:
            answer = self._refusal(request, refused)
        await (answer or self._app)(scope, receive, guarded)

    async def _admit(self, request: Request, visit: Visit) -> Response | None:
        """Check a request; an answer ends it here."""
        self._check_proxy(request)
        if "\x00" in request.scope["path"] or b"%00" in request.scope.get("query_string", b""):
            raise Refused(404, "Nothing here", "This page does not exist.")  # no database takes this character
        moved = self._check_host(request)
        if moved is not None:
            return moved
        if self._identify is not None:
            await self._adopt(request, visit, self._identify)
        else:
            visit.identity = visit.session.identity
        path = _inner_path(request)
        is_open = path.startswith(OPEN_PATHS)
        if visit.identity is None and not is_open:
            raise self._sign_in.invite(path if request.method == "GET" else "/")
        if request.method not in {"GET", "HEAD"}:
            await self._check_form(request, visit)
        return None

    async def _adopt(self, request: Request, visit: Visit, identify: Identify) -> None:
        """Take over who a platform says is signed in; another person gets another session."""
        visit.identity = await run_in_threadpool(identify, request)
        if visit.identity is None:
            return
        if visit.session.identity != visit.identity:
            visit.session = self._sessions.new(visit.identity)
        if visit.identity.signed_in_at is not None:
            visit.session.signed_in_at = visit.identity.signed_in_at.timestamp()

    def _check_proxy(self, request: Request) -> None:
        """Where proxies are named, refuse what comes past them, or came to them without encryption."""
        if not self._settings.proxies:
            return
        sender = request.client.host if request.client else ""
        if not self._settings.is_proxy(sender):
            raise Refused(403, "Not this way", f"These pages are served at {self._settings.public_url} only.")
        if request.headers.get("x-forwarded-proto", "https").rpartition(",")[2].strip() != "https":
            raise Refused(403, "Not encrypted", f"Open {self._settings.public_url} instead.")

    def _check_host(self, request: Request) -> Response | None:
        """Refuse foreign host names (DNS rebinding); on this machine, lead its other names to the public one."""
        own = urlsplit(self._settings.public_url)
        given = urlsplit(f"//{request.headers.get('host', '')}")
        try:
            name, port = given.hostname or "", given.port
        except ValueError:
            name, port = "", None
        if given.netloc.lower() == own.netloc.lower():
            return None
        if self._identify is None and is_loopback(name) and is_loopback(own.hostname or "") and port == own.port:
            if request.method in {"GET", "HEAD"}:
                query = f"?{request.url.query}" if request.url.query else ""
                return RedirectResponse(f"{self._settings.public_url}{_inner_path(request)}{query}", 307)
            return None
        raise Refused(421, "Wrong address", f"These pages are served at {self._settings.public_url} only.")

    async def _check_form(self, request: Request, visit: Visit) -> None:
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if (origin is not None and origin.lower() != self._settings.origin) or site not in {None, "same-origin"}:
            raise Refused(403, "Not accepted", "This form was sent from another web site. Nothing was changed.")
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            raise Refused(415, "Not accepted", "This page takes forms only. Nothing was changed.")
        visit.form = _parse_form(await _read_body(request))
        if not visit.session.is_token(visit.form.get("csrf", "")):
            raise Refused(
                403,
                "This page was too old",
                "Nothing was changed. Go back, load the page again, and repeat what you did.",
            )

    def _with_headers(self, scope: Scope, send: Send, visit: Visit, before: Session | None) -> Send:
        is_static = _inner_path(Request(scope)).startswith("/static/")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self._settings.secure:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
                headers.setdefault("Cache-Control", "no-store")
                if visit.session != before and not is_static:
                    headers.append("Set-Cookie", self._sessions.write(visit.session))
            await send(message)

        return guarded


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Refused(413, "Too much", "This form is too long. Nothing was changed.")
    return bytes(body)


def _parse_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form; of several with one name the last counts."""
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise Refused(400, "Not accepted", "This form cannot be read. Nothing was changed.") from None
    if any("\x00" in part for pair in pairs for part in pair):
        raise Refused(400, "Not accepted", "This form cannot be read. Nothing was changed.")
    return dict(pairs)


def _inner_path(request: Request) -> str:
    """Return the path below the mount point (servers differ in whether ``path`` holds it)."""
    root, path = request.scope.get("root_path", ""), str(request.scope["path"])
    return path[len(root) :] if root and path.startswith(root) else path
