"""What a connector says of itself, as models: the output of ``describe`` and ``list_actions``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from bizosaas_xero.spec.base import Model


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
