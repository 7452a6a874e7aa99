"""What crosses the hooks, as models. A host may pass and read plain mappings with the same keys.

``.model_dump(mode="json")`` is what crosses a process or goes into a store: decimals become strings, timestamps
ISO 8601 with zone, and the secrets of a grant are revealed there and only there. They stay hidden in
``repr``, ``str`` and the Python mode of a dump.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
)

from bizosaas_xero.spec.errors import Invalid

Secret = Annotated[
    SecretStr,
    PlainSerializer(lambda secret: secret.get_secret_value(), return_type=str, when_used="json-unless-none"),
]
"""A secret: hidden everywhere except in a JSON dump, without which a stored grant would be dead."""

ScopeList = Annotated[list[str], BeforeValidator(lambda value: value.split() if isinstance(value, str) else value)]
"""Scopes as a list, or as the one space-separated string in which OAuth 2.0 writes them."""


class Model(BaseModel):
    """Base of all models: unknown keys are ignored, and a validation error never prints its input."""

    # Building 25 validators at import would cost more than the rest of the plugin's import.
    # Any minimum length, even 0, makes pydantic refuse lone surrogates, which are not valid Unicode.
    model_config = ConfigDict(hide_input_in_errors=True, defer_build=True, extra="ignore", str_min_length=0)


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
        None, ge=1, description="Stop after this number of batches; nothing is fetched ahead."
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
        None, description="Calls that count towards the organisation's limit: `calls`, `bytes`, `day_left`."
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
    complete: bool | None = Field(None, description="All was read. `None`: not known, because the read was resumed.")
    missing: int | None = Field(None, description="How many records are known to be unread.")
    paused: bool = Field(False, description="Stopped by `max_batches` or `deadline`; call again to continue.")
    calls: int = Field(0, description="Requests sent in this run, retries included.")
    bytes: int = Field(0, description="Body bytes received, as they came over the wire.")
    expected: int | None = Field(None, description="Records that the read will bring, as far as known.")
    read: int = Field(0, description="Distinct records read in this run.")
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


class Action(Model):
    """Something an agent or a person may ask for."""

    name: str
    title: str
    description: str
    params: dict[str, Any] = Field(description="JSON Schema of the parameters.")
    result: dict[str, Any] = Field(description="JSON Schema of `ActionResult.data`.")
    effect: Literal["read", "write"]
    destructive: bool = False
    scopes: dict[str, list[str]] = Field(default_factory=dict, description="Needed, by vocabulary.")
    missing_scopes: list[str] = Field(default_factory=list, description="Lacking in the given connection.")


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


class Recheck(Model):
    """Records that may change without a new timestamp: the host passes their keys in ``options.recheck``.

    At most once in ``every`` seconds, all records held whose ``field`` equals ``equals``.
    """

    field: str
    equals: Any
    every: int


class EventRule(Model):
    """Something that happens to a record: the conditions hold now, and did not hold before.

    A host derives events from the records it stores; a connector only says what to look for.
    """

    name: str
    title: str = Field(description="In words, such as `Invoice paid`.")
    where: dict[str, list[Any]] = Field(
        default_factory=dict, description="Dotted path in `data` to the values it may have; all must hold."
    )
    above: dict[str, Decimal] = Field(
        default_factory=dict, description="Dotted path to the bound that its amount must exceed."
    )
    date: str | None = Field(None, description="A business date: the rule holds from that day on.")
    days: int = Field(0, description="Days after `date` from which it holds.")
    again: str | None = Field(None, description="A path: while the rule holds, each new value is an event as well.")


class Reference(Model):
    """Where a record names a record of another entity.

    A host that meets a new or changed record which names an unknown one syncs that entity at once.
    """

    path: str = Field(description="Dotted path in `data`; a list on the way means each of its elements.")
    entity: str = Field(description="The entity of the record that is named.")
    by: str = Field(description="Dotted path in the named record's `data` to the value that names it.")


class EntityInfo(Model):
    """A kind of record that is synced."""

    name: str
    title: str
    key: str = Field(description="The field of `data` that is the record's key.")
    stamp: str | None = Field(None, description="The field of `data` that is `updated_at`.")
    json_schema: dict[str, Any] = Field(description="Of `Record.data` in its JSON form.")
    interval: int = Field(description="Default seconds between syncs.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="What people query: column name to dotted path in `data`."
    )
    scopes: dict[str, list[str]] = Field(default_factory=dict, description="Needed, by vocabulary.")
    recheck: Recheck | None = None
    events: list[EventRule] = Field(default_factory=list, description="The events of a record.")
    references: list[Reference] = Field(
        default_factory=list, description="Records of other entities that a record names, such as its accounts."
    )
    deal: list[str] = Field(
        default_factory=list,
        description="Paths of `data` that may carry the key of the deal; the first that is not empty.",
    )


class AuthInfo(Model):
    """How the connector is authorised."""

    kinds: list[str]
    scope_profiles: dict[str, list[str]] = Field(default_factory=dict)
    default_profile: str | None = None


class Link(Model):
    """A page of the provider."""

    title: str
    url: str


class SetupStep(Model):
    """One thing that a person does at the provider before they connect, or enters there."""

    title: str
    text: str = ""
    link: Link | None = None
    shows: Literal["redirect_uri", "scopes"] | None = Field(
        None, description="What the host shows below the text, to be copied."
    )


class Permission(Model):
    """One permission that is requested, and what it is for."""

    scopes: dict[str, str] = Field(description="Its name, by vocabulary.")
    purpose: str


class SetupDefault(Model):
    """A setting for which a page proposes a value when an organisation is connected.

    The choices are the records that the setting's JSON Schema `references`; a setting without is a number.
    """

    setting: str = Field(description="A name of `ConnectorInfo.settings`.")
    title: str
    text: str = ""
    label: list[str] = Field(default_factory=list, description="Paths of a record's `data` that name it in a list.")
    prefer: list[dict[str, list[Any]]] = Field(
        default_factory=list,
        description="Conditions, path to values (`{currency}`: the organisation's own): the first that a choice "
        "meets is proposed; else the first choice.",
    )
    follows: str | None = Field(
        None, description="`SETTING.PATH`: proposed is the value at the path in the record chosen for that setting."
    )
    value: Any = Field(None, description="Proposed where the setting refers to no records.")


class Trouble(Model):
    """Something that may go wrong while connecting, as the person sees it."""

    seen: str
    code: str
    reason: str
    remedy: str


class Setup(Model):
    """What a page shows to a person who connects, in the provider's words."""

    title: str = Field("", description="The step's name, such as `Authorize with Xero`.")
    role: str = Field("", description="Which role at the provider the person needs.")
    kinds: dict[str, str] = Field(default_factory=dict, description="A name for each of `auth.kinds`.")
    steps: list[SetupStep] = Field(default_factory=list)
    permissions: list[Permission] = Field(default_factory=list)
    defaults: list[SetupDefault] = Field(default_factory=list)
    troubles: list[Trouble] = Field(default_factory=list)


class Card(Model):
    """A figure over the synced records of an entity, which an overview shows: `SUM TITLE, COUNT LATE_TITLE`."""

    name: str
    title: str = Field(description="Follows the sum, such as `owed to you`.")
    entity: str
    where: dict[str, list[str]] = Field(default_factory=dict, description="Column to the values it may have.")
    sum: str = Field(description="The column whose amounts are added up, by currency.")
    currency: str | None = Field(None, description="The column of the currency; absent: the organisation's own.")
    late: str | None = Field(None, description="A column with a date: a record whose date is past is late.")
    late_title: str = Field("", description="Follows the number of late records, such as `overdue`.")


class ConnectorInfo(Model):
    """The output of ``describe``."""

    name: str
    title: str
    version: str
    spec: str = Field(description="The version of this contract that the connector implements.")
    summary: str
    transport: Literal["http", "none"] = "http"
    auth: AuthInfo
    entities: list[EntityInfo]
    actions: list[Action] = Field(default_factory=list)
    settings: dict[str, Any] = Field(default_factory=dict, description="JSON Schema of the settings.")
    setup: Setup | None = Field(None, description="What a page shows to a person who connects.")
    overview: list[Card] = Field(default_factory=list, description="Figures for an overview, the first ones first.")


M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], value: Any, name: str) -> M:
    """Turn a hook's argument into its model.

    Args:
        model: The model of the argument.
        value: The model itself, a mapping with its keys, or ``None`` for defaults.
        name: The argument's name; it leads every field path of a complaint.

    Raises:
        Invalid: naming each wrong field; the rejected value itself is never shown.
    """
    if isinstance(value, model):
        return value
    if isinstance(value, BaseModel):  # another package's model, with the same keys
        value = value.model_dump()
    if value is not None and not isinstance(value, Mapping):
        raise Invalid.field(name, f"must be a mapping, not {type(value).__name__}")
    try:
        return model.model_validate(dict(value or {}))
    except ValidationError as error:
        raise Invalid(
            f"{name} is not valid: {_summary(error)}.",
            problems=[
                {"field": ".".join((name, *map(str, item["loc"]))), "message": _message(item["msg"])}
                for item in error.errors(include_input=False, include_url=False, include_context=False)
            ],
        ) from None


def _summary(error: ValidationError) -> str:
    items = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {_message(item['msg'])}" for item in items[:5])


def _message(message: str) -> str:
    return message.removeprefix("Value error, ")


def utc(moment: datetime) -> str:
    """Write a moment as cursors and logs do: ISO 8601 in UTC with ``Z`` and milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
