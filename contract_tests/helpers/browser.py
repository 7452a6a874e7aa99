"""A browser without a screen: cookies, redirects and forms of pages that run in this process."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

import httpx


class Page:
    """An answer, and what is in it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status, self.headers, self.html = response.status_code, response.headers, response.text
        self.path = response.request.url.raw_path.decode()

    @property
    def text(self) -> str:
        """What a person reads."""
        bare = re.sub(r"<(script|style)\b.*?</\1>", "", self.html, flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())

    def forms(self) -> list[dict]:
        """Every form: its action, and its fields as a browser would send them."""
        parser = _Forms()
        parser.feed(self.html)
        return parser.found


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict] = []
        self._select: str | None = None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.found.append({"action": given.get("action"), "fields": {}})
        elif self.found and tag == "input" and given.get("name"):
            chosen = given.get("type") not in {"radio", "checkbox"} or "checked" in given
            if chosen:
                self.found[-1]["fields"][given["name"]] = given.get("value") or ""
        elif self.found and tag == "select":
            self._select = given["name"]
        elif self.found and tag == "option" and self._select:
            fields = self.found[-1]["fields"]
            if self._select not in fields or "selected" in given:
                fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag):
        if tag == "select":
            self._select = None


class Browser:
    """Follows redirects to its own site; one that leads elsewhere is returned."""

    def __init__(self, app, origin: str) -> None:
        self._transport = httpx.ASGITransport(app=app)
        self.origin = origin
        self.cookies = httpx.Cookies()

    def send(self, method: str, path: str, *, follow: bool = True, **given) -> Page:
        async def run() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url=self.origin, cookies=self.cookies
            ) as client:
                response = await client.request(method, path, **given)
                self.cookies = client.cookies
                return response

        page = Page(asyncio.run(run()))
        target = page.headers.get("location")
        if follow and target:
            address = urljoin(str(page.response.request.url), target)
            if address.startswith(self.origin):
                method = "GET" if page.status == 303 else method
                return self.send(method, address.removeprefix(self.origin))
        return page

    def get(self, path: str, **given) -> Page:
        return self.send("GET", path, **given)

    def post(self, path: str, fields: dict, *, headers: dict | None = None, follow: bool = True) -> Page:
        sent = {"content-type": "application/x-www-form-urlencoded", "origin": _origin(self.origin)} | (headers or {})
        return self.send("POST", path, content=urlencode(fields), headers=sent, follow=follow)

    def submit(self, page: Page, action: str, **fields) -> Page:
        """Send the form of a page whose action ends so, with some fields filled in."""
        form = next(each for each in page.forms() if (each["action"] or "").endswith(action))
        return self.post(form["action"], form["fields"] | fields)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
