"""A client of the sandbox that went through its consent page, and holds each answer against what Xero publishes."""

import json
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import jsonschema_rs
import yaml

from bizosaas_xero.sandbox import SandboxServer
from contract_tests.helpers.paths import ROOT

OPENAPI = ROOT.parent / "shared" / "reference" / "xero-openapi"
SCOPES = (
    "offline_access accounting.settings accounting.contacts accounting.invoices accounting.payments "
    "accounting.banktransactions"
)
REDIRECT = "http://localhost:8742/callback"


PARTS = {"History": "HistoryRecords", "Options": "TrackingOptions", "OnlineInvoice": "OnlineInvoices"}


@cache
def schema(name):
    """Compile one of Xero's published schemas."""
    (published,) = [each for each in components()["schemas"] if each.lower() == name.lower()]
    return jsonschema_rs.Draft4Validator({"$ref": f"#/components/schemas/{published}", "components": components()})


@cache
def components():
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (OPENAPI / "xero_accounting.yaml").read_text(encoding="utf-8")
    loaded = yaml.load(text, loader)["components"]  # noqa: S506 - a safe loader
    return json.loads(json.dumps(loaded, default=str))  # its examples hold YAML dates


def conforms(method, path, answer):
    """Hold the answer of a write against what Xero publishes, where that is at hand."""
    if not OPENAPI.is_dir() or "json" not in answer.headers.get("content-type", ""):
        return
    first, *rest = path.split("/")
    name = PARTS.get(rest[1], rest[1]) if len(rest) > 1 else first
    name = "Allocation" if (method, name) == ("DELETE", "Allocations") else name
    name = "Error" if answer.status_code == 400 else name
    assert [error.message for error in schema(name).iter_errors(answer.json())] == [], answer.text


@dataclass
class SandboxClient:
    """A connected app."""

    server: SandboxServer
    app: dict
    http: httpx.Client
    token: dict = field(default_factory=dict)
    tenant: str = ""

    def authorize_url(self, **changes) -> str:
        asked = {
            "response_type": "code", "client_id": self.app["client_id"], "redirect_uri": REDIRECT,
            "scope": SCOPES, "state": "s-1", **changes,
        }  # fmt: skip
        return "/identity/connect/authorize?" + urlencode({k: v for k, v in asked.items() if v is not None})

    def consent(self, organisations=None, user=None, **changes) -> dict:
        url = self.server.sandbox.consent(self.authorize_url(**changes), organisations=organisations, user=user)
        return dict(parse_qsl(urlsplit(url).query))

    def exchange(self, **form) -> httpx.Response:
        credentials = {"client_id": self.app["client_id"]}
        if self.app["client_secret"]:
            credentials["client_secret"] = self.app["client_secret"]
        sent = {**credentials, **form}
        return self.http.post("/connect/token", data={k: v for k, v in sent.items() if v is not None})

    def redeem(self, code: str, **form) -> httpx.Response:
        return self.exchange(grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **form)

    def refresh(self, token: str) -> httpx.Response:
        return self.exchange(grant_type="refresh_token", refresh_token=token)

    def connect(self, **consent) -> "SandboxClient":
        self.token = self.redeem(self.consent(**consent)["code"]).json()
        self.tenant = self.connections()[-1]["tenantId"] if not self.tenant else self.tenant
        return self

    def headers(self, **more) -> dict:
        return {
            "Authorization": f"Bearer {self.token['access_token']}", "Accept": "application/json",
            "xero-tenant-id": self.tenant, **{k.replace("_", "-"): v for k, v in more.items()},
        }  # fmt: skip

    def connections(self, **params) -> list:
        return self.http.get("/connections", headers=self.headers(), params=params).raise_for_status().json()

    def get(self, path: str, headers=None, **params) -> httpx.Response:
        return self.http.get(f"/api.xro/2.0/{path}", params=params, headers=self.headers(**(headers or {})))

    def send(self, method: str, path: str, body=None, headers=None, **params) -> httpx.Response:
        """Send a body as JSON; `Decimal` is written with its digits."""
        content = body if isinstance(body, bytes) else json.dumps(body, default=float).encode()
        more = {"Content-Type": "application/json", **(headers or {})}
        answer = self.http.request(
            method, f"/api.xro/2.0/{path}", content=content, params=params, headers=self.headers(**more)
        )
        conforms(method, path, answer)
        return answer

    def put(self, path: str, body, headers=None, **params) -> dict:
        """Create, and return the first row of the answer."""
        return self._written("PUT", path, body, headers, params)

    def post(self, path: str, body, headers=None, **params) -> dict:
        """Create or update, and return the first row of the answer."""
        return self._written("POST", path, body, headers, params)

    def _written(self, method, path, body, headers, params) -> dict:
        answer = self.send(method, path, body, headers, **params)
        assert answer.status_code == 200, answer.text
        rows = next(value for value in answer.json().values() if isinstance(value, list))
        return rows[0]

    def refused(self, method: str, path: str, body, **params) -> list[str]:
        """Send what must be refused with 400 and return what Xero would say about it."""
        answer = self.send(method, path, body, **params)
        assert answer.status_code == 400, answer.text
        said = answer.json()
        assert (said["ErrorNumber"], said["Type"]) == (10, "ValidationException"), said
        return [e["Message"] for element in said["Elements"] for e in element["ValidationErrors"]]

    def rows(self, path: str, headers=None, **params) -> list:
        answer = self.get(path, headers, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()[{"Organisation": "Organisations"}.get(path, path.split("/", maxsplit=1)[0])]
