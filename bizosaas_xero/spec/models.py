"""What crosses the hooks, as models. A host may pass and read plain mappings with the same keys.

``.model_dump(mode="json")`` is what crosses a process or goes into a store: decimals become strings, timestamps
ISO 8601 with zone, and the secrets of a grant are revealed there, as in ``.model_dump_json()``. They stay hidden in
``repr``, ``str`` and the Python mode of a dump.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from bizosaas_xero.spec import base, info
from bizosaas_xero.spec.base import Model as Model  # noqa: PLC0414 (the base of what is here)
from bizosaas_xero.spec.base import ScopeList, Secret

Action = info.Action
Recheck = info.Recheck
EventRule = info.EventRule
Reference = info.Reference
EntityInfo = info.EntityInfo
AuthInfo = info.AuthInfo
Link = info.Link
SetupStep = info.SetupStep
Permission = info.Permission
SetupDefault = info.SetupDefault
Trouble = info.Trouble
Setup = info.Setup
Card = info.Card
ConnectorInfo = info.ConnectorInfo
parse = base.parse
utc = base.utc

# ---------------------------------------------------------------- inputs


class App(Model):
    """The app that the person registered with the provider."""

    client_id: str = Field(min_length=1)
    client_secret: Secret | None = None
    redirect_uri: str | None = Field(None, description="Must equal, to the letter, one registered address.")
    kind: Literal["web", "pkce", "custom"] = Field(
        "web",
        description="`web`: authorisation code with a secret. `pkce`: authorisation code with proof key, "
        "secret optional. `custom`: client credentials, one organisation.",
    )
    pkce: bool | None = Field(None, description="Send a proof key; by default only for kind `pkce`.")


class Grant(Model):
    """The token set of one person and one app. It may reach several organisations."""

    identity: str = Field(description="Stable: client id and the person's id. Keep one grant per identity.")
    client_id: str
    kind: Literal["web", "pkce", "custom"] = "web"
    user_id: str | None = None
    access_token: Secret
    refresh_token: Secret | None = Field(None, description="Absent when `offline_access` was not granted.")
    obtained_at: AwareDatetime
    expires_at: AwareDatetime = Field(description="End of the access token. Refresh before it.")
    scopes: ScopeList = Field(default_factory=list, description="Granted, not requested.")
    auth_event_id: str | None = Field(None, description="The consent that this grant comes from.")


class Connection(Model):
    """One organisation reached through a grant."""

    organisation_id: str = Field(min_length=1)
    access_token: Secret
    id: str | None = Field(None, description="The host's own id of this connection.")
    scopes: ScopeList | None = Field(None, description="The grant's scopes; read from the token if absent.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Keys as in `describe().settings`.")


class AuthRequest(Model):
    """The input of ``auth``. The hook's documentation says which keys a step reads."""

    step: Literal[
        "authorize", "callback", "client_credentials", "refresh", "organisations", "check", "check_app", "disconnect"
    ]
    app: App | None = None
    scopes: str | list[str] | None = Field(
        None, description="A profile name (`granular`, `legacy`), or the scopes as list or one string."
    )
    pending: Secret | None = None
    callback_url: Secret | None = Field(None, description="The whole address of the redirect back to the host.")
    grant: Grant | None = None
    connection: Connection | None = None
    organisation_id: str | None = None
    revoke: bool = False
    settings: dict[str, Any] = Field(default_factory=dict)


class SyncOptions(Model):
    """How far one call of ``sync_entity`` goes."""

    full: bool = Field(False, description="Read everything again, whatever the cursor says.")
    max_batches: int | None = Field(
        None, ge=1, description="Stop after this number of batches. With 1 nothing is fetched ahead."
    )
    max_wait: float | None = Field(None, ge=0, description="Seconds a limit may be waited for (default 65).")
    deadline: AwareDatetime | None = Field(None, description="Stop between batches after this moment.")
    recheck: list[str] = Field(
        default_factory=list,
        description="Keys to read again even if unchanged; `EntityInfo.recheck` says which.",
    )


class Control(Model):
    """How an action is run."""

    mode: Literal["run", "plan", "commit"] | None = None
    plan_hash: str | None = None
    business_key: str | None = Field(
        None, max_length=200, description="Names the intent; a write with the same key is done only once, ever."
    )
    requester: str | None = Field(None, max_length=200, description="Who requested it; for the record.")
    approver: str | None = Field(None, max_length=200, description="Who approved it; for the record.")


# ---------------------------------------------------------------- outputs


class Organisation(Model):
    """One set of books that a grant reaches."""

    id: str
    name: str
    connection_id: str | None = Field(None, description="The provider's id of the link, not of the books.")
    kind: str = "ORGANISATION"
    country: str | None = None
    currency: str | None = None
    timezone: str | None = Field(None, description="IANA name of the time zone of its business dates.")
    is_demo: bool | None = None
    short_code: str | None = None
    connected_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class AuthResult(Model):
    """The output of ``auth``. Keys that the step does not give are ``None``."""

    step: str
    url: str | None = None
    pending: Secret | None = None
    grant: Grant | None = None
    organisations: list[Organisation] | None = None
    status: (
        Literal["ok", "expired", "reconnect", "missing_scope", "organisation_unavailable", "misconfigured", "unknown"]
        | None
    ) = None
    missing_scopes: dict[str, list[str]] | None = Field(
        None, description="Feature (entity or action) to the scopes it lacks."
    )
    organisation: Organisation | None = None
    problem: dict[str, Any] | None = Field(None, description="`to_dict()` of the error behind `status`.")
    server_time: AwareDatetime | None = Field(
        None, description="The provider's clock as it answered; the host's own may be wrong."
    )
    warnings: list[str] = Field(default_factory=list)
    cost: dict[str, int | None] | None = Field(
        None,
        description="What counted towards the organisation's limit: `calls`, `bytes`, `day_left`, `minute_left`.",
    )


class Record(Model):
    """One record as it is now."""

    key: str
    op: Literal["upsert", "delete"] = "upsert"
    data: dict[str, Any] = Field(default_factory=dict, description="The provider's own names and nesting.")
    updated_at: AwareDatetime | None = None


class Rejected(Model):
    """One record that could not be decoded, in its raw form. It stops nothing and is not lost."""

    key: str | None = None
    reason: str
    raw: Any = None


class Stats(Model):
    """What one run did so far; final in its last batch."""

    kind: Literal["first", "incremental", "reread"]
    complete: bool | None = Field(
        None,
        description="All was read. `None`: not known, because the read continues, was resumed, or no total is known.",
    )
    missing: int | None = Field(None, description="How many records are known to be unread.")
    paused: bool = Field(False, description="Stopped by `max_batches` or `deadline`; call again to continue.")
    calls: int = Field(0, description="Requests sent in this run, retries included.")
    bytes: int = Field(0, description="Body bytes received, as they came over the wire.")
    expected: int | None = Field(None, description="Records that the read will bring, as far as known.")
    read: int = Field(0, description="Distinct records read in this run; before its last batch, rows.")
    day_left: int | None = Field(None, description="Calls left today for this organisation.")
    minute_left: int | None = Field(None, description="Calls left this minute for this organisation.")
    warnings: list[str] = Field(
        default_factory=list, description="What this run could not do as asked, such as a refused re-check."
    )


class Batch(Model):
    """Records, and the cursor that is right once they are stored."""

    entity: str
    records: list[Record] = Field(default_factory=list)
    cursor: dict[str, Any]
    has_more: bool = Field(description="Whether this iterator gives another batch.")
    rejected: list[Rejected] = Field(default_factory=list)
    stats: Stats | None = None


class Plan(Model):
    """What an action would do. A hash identifies a plan; it approves nothing."""

    hash: str
    organisation: str
    requests: list[dict[str, Any]] = Field(description="Exactly what would be sent, in this order.")
    effect: list[dict[str, Any]] = Field(
        default_factory=list, description="Its postings to the ledger: account, debit or credit, tax."
    )
    warnings: list[str] = Field(default_factory=list)
    undo: str | None = None
    summary: str = Field("", description="What it does, for a person, as Markdown.")
    acts: list[str] | None = Field(
        None,
        description="What a policy decides by: `draft` (makes or changes a document that posts nothing), "
        "`authorise`, `send`, `pay`, `void`, `delete`, `backdate`, `create_contact`. Missing, unknown, or empty "
        "on a plan with a request that is not a GET: a person is asked.",
    )
    amount: Decimal | None = Field(None, description="The money involved, in base currency; `None`: not known before.")
    currency: str | None = Field(None, description="The base currency, in which `amount` is.")


class ActionResult(Model):
    """The output of ``run_action``."""

    action: str
    status: Literal["planned", "done", "partial"]
    data: dict[str, Any] = Field(default_factory=dict)
    plan: Plan | None = None
    warnings: list[str] = Field(default_factory=list)
    calls: int = 0
    bytes: int = 0
    day_left: int | None = Field(None, description="Calls left today for this organisation, after this action.")
    minute_left: int | None = Field(None, description="Calls left this minute for this organisation.")
