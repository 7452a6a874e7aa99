"""Templates: escaped, strict about missing values, and with every foreign text made visible."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from bizosaas_xero import __version__
from bizosaas_xero.host.text import make_visible
from bizosaas_xero.spec import ConnectorError
from bizosaas_xero.web import words
from bizosaas_xero.web.guard import Refused, visit_of
from bizosaas_xero.web.openapi import ROOT
from bizosaas_xero.web.settings import WebSettings

STATUS_BY_CODE = {"not_found": 404, "conflict": 409, "rate_limited": 503, "unavailable": 503}
"""The status of an answer by the error's code; any other is 400."""


class Renderer:
    """Renders pages.

    Args:
        settings: Where the pages are.
        now: The clock.
    """

    def __init__(self, settings: WebSettings, *, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("bizosaas_xero.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=_make_visible,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # Without raw HTML, links or images: the text of a document must not lead anywhere.
        self._markdown = (
            MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
        )
        self._environment.filters |= {
            "markdown": self._render_markdown,
            "code": lambda text: text.strip("`"),
            "money": words.money,
            "interval": words.interval,
            "duration": words.duration,
            "completeness": words.completeness,
            "ago": lambda moment: words.ago(moment, now()),
            "until": lambda moment: words.until(moment, now()),
            "local": words.local,
        }
        self._environment.globals |= {"count": words.count, "version": __version__, "support": settings.support}

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Render a whole page."""
        visit = visit_of(request)
        root = request.scope.get("root_path", "")
        values |= {
            "url": lambda path: f"{root}{path}",
            "csrf": visit.session.csrf,
            "identity": visit.identity,
            "notice": visit.session.take_notice(),
            "here": request.scope["path"].removeprefix(root),
        }
        return HTMLResponse(self._environment.get_template(template).render(values), status)

    def fragment(self, request: Request, template: str, **values: Any) -> HTMLResponse:
        """Render a part of a page, without its notice."""
        root = request.scope.get("root_path", "")
        values |= {"url": lambda path: f"{root}{path}", "csrf": visit_of(request).session.csrf}
        return HTMLResponse(self._environment.get_template(template).render(values))

    def refusal(self, request: Request, refused: Refused) -> Response:
        """Render why a request reaches no page."""
        if _is_api(request):
            return JSONResponse({"error": {"title": refused.title, "message": refused.message}}, refused.status)
        values = {"title": refused.title, "message": refused.message, "link": refused.link}
        return self.page(request, "message.html", refused.status, **values)

    def error(self, request: Request, error: ConnectorError) -> Response:
        """Render an error of the contract that no page has a place for."""
        status = STATUS_BY_CODE.get(error.code, 400)
        if _is_api(request):
            return JSONResponse({"error": error.to_dict()}, status)
        return self.page(request, "error.html", status, problem=error.to_dict())

    def _render_markdown(self, text: str) -> Markup:
        tokens = self._markdown.parse(make_visible(text, lines=True))
        for token in tokens:  # the alignment of a column is an inline style, which the policy does not let in
            if "right" in str(token.attrs.pop("style", "")):
                token.attrSet("class", "number")
        html = self._markdown.renderer.render(tokens, self._markdown.options, {})
        return Markup(html)  # noqa: S704 (made without raw HTML)


def _is_api(request: Request) -> bool:
    return str(request.scope["path"]).removeprefix(request.scope.get("root_path", "")).startswith(f"{ROOT}/")


def _make_visible(value: Any) -> Any:
    """Make every text of others visible: nothing in it may hide, or turn the direction of a line."""
    return make_visible(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value
