"""Where the pages may be served: other machines need a sign-in and encryption, and only a named proxy passes on."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import Misconfigured
from bizosaas_xero.web.settings import WebSettings, require_safe_listening
from contract_tests.helpers.browser import Browser
from contract_tests.helpers.open_id import ORIGIN


@pytest.mark.parametrize(
    ("host", "url", "given", "reason"),
    [
        ("localhost", "http://localhost:8380", {}, None),
        ("0.0.0.0", "https://books.example", {}, "no_sign_in"),  # noqa: S104 (what is refused or allowed)
        ("localhost", "https://books.example", {}, "no_sign_in"),
        ("localhost", "https://books.example", {"signs_in": True}, None),
        ("0.0.0.0", "https://books.example", {"signs_in": True}, "no_https"),  # noqa: S104 (what is refused or allowed)
        ("0.0.0.0", "http://localhost:8380", {"signs_in": True, "tls": True}, "no_https"),  # noqa: S104 (what is refused or allowed)
        ("0.0.0.0", "https://books.example", {"signs_in": True, "tls": True}, None),  # noqa: S104 (what is refused or allowed)
        ("::", "https://books.example", {"signs_in": True, "proxies": ("10.0.0.0/8",)}, None),
    ],
)
def test_other_machines_need_a_sign_in_and_encryption(host, url, given, reason):
    settings = WebSettings.checked(url, proxies=given.get("proxies", ()))
    control = {"signs_in": given.get("signs_in", False), "tls": given.get("tls", False)}
    if reason is None:
        require_safe_listening(host, settings, **control)
        return
    with pytest.raises(Misconfigured) as refused:
        require_safe_listening(host, settings, **control)
    assert refused.value.reason == reason


@pytest.mark.parametrize("proxy", ["proxy.example", "10.0.0.1/8", ""])
def test_a_proxy_is_an_address(proxy):
    with pytest.raises(Misconfigured):
        WebSettings.checked(ORIGIN, proxies=(proxy,))


@pytest.mark.parametrize(
    ("sender", "headers", "status"),
    [
        ("10.0.0.7", {}, 401),
        ("10.0.0.7", {"x-forwarded-proto": "https"}, 401),
        ("10.0.0.7", {"x-forwarded-proto": "http"}, 403),
        ("10.0.0.7", {"x-forwarded-proto": "https, http"}, 403),
        ("192.168.1.5", {}, 403),
        ("127.0.0.1", {}, 401),
        ("unknown", {}, 403),
    ],
)
def test_only_the_named_proxy_passes_requests_on(make_app, sender, headers, status):
    import httpx

    pages = make_app(proxies=("10.0.0.0/24",))
    team_visitor = Browser(pages, ORIGIN)
    team_visitor._transport = httpx.ASGITransport(app=pages, client=(sender, 5000))
    assert team_visitor.get("/", headers=headers).status == status
