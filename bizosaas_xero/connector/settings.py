"""Settings of a connection: its own mapping first, then the environment, then Xero's values.

The environment is read when a hook is called, never at import. Credentials are not settings: they reach
the plugin only inside ``app``, ``grant`` and ``connection``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bizosaas_xero.connector import reasons
from bizosaas_xero.toolkit.http import LOOPBACK

_HOST = re.compile(r"([A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")


def _account_reference(description: str, *choices: dict[str, list[Any]]) -> dict[str, Any]:
    """Return which accounts a setting may name, so that a host can check it against the synced accounts."""
    return {
        "entity": "accounts",
        "by": ["Code", "AccountID"],
        "any": [{"Status": ["ACTIVE"], **choice} for choice in choices],
        "what": description,
    }


_PAYABLE = _account_reference(
    "an active bank account, or one with payments enabled",
    {"Type": ["BANK"]},
    {"EnablePaymentsToAccount": [True]},
)


class Settings(BaseSettings):
    """What a host or a user may change. Each setting is also read from ``XERO_`` + its name in upper case."""

    model_config = SettingsConfigDict(
        env_prefix="XERO_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    api_url: str = Field(
        "https://api.xero.com",
        description="Base of the API and of `/connections`.",
        json_schema_extra={"address": True, "environment": "XERO_API_URL"},
    )
    identity_url: str = Field(
        "https://identity.xero.com",
        description="Base of the token endpoint.",
        json_schema_extra={"address": True, "environment": "XERO_IDENTITY_URL"},
    )
    login_url: str = Field(
        "https://login.xero.com",
        description="Base of the consent page.",
        json_schema_extra={"address": True, "environment": "XERO_LOGIN_URL"},
    )
    limiter_url: str | None = Field(
        None,
        description="Where calls are counted: unset for this process alone, `redis://…` to share the count "
        "between processes and machines.",
    )
    calls_per_minute: int = Field(
        60, ge=0, le=10_000, description="Calls a minute and organisation (Xero's limit: 60); 0: uncounted."
    )
    concurrency: int = Field(
        4, ge=1, le=5, description="Pages fetched at once (Xero's limit: 5; one is left for a person)."
    )
    page_size: int = Field(1000, ge=1, le=1000, description="Records a page (Xero's limit: 1000).")
    overlap: int = Field(300, ge=1, le=86_400, description="Seconds before the last read that are read again.")
    reread_days: int = Field(7, ge=0, description="Days after which everything is read again; 0: never.")
    timeout: float = Field(
        60, gt=0, le=600, description="Seconds for one whole answer, from connecting to its last byte."
    )
    sales_account: str | None = Field(
        None,
        description="Account for sales where an action names none: its code or id.",
        json_schema_extra={"references": _account_reference("an active revenue account", {"Class": ["REVENUE"]})},
    )
    tax_type: str | None = Field(
        None,
        description="Tax type of sales where action, contact and account name none, such as `OUTPUT2`.",
        json_schema_extra={
            "references": {
                "entity": "accounts",
                "by": ["TaxType"],
                "any": [{"Status": ["ACTIVE"]}],
                "what": "a tax type that an active account uses",
            }
        },
    )
    payment_account: str | None = Field(
        None,
        description="Account into which payments go where an action names none: its code or id.",
        json_schema_extra={"references": _PAYABLE},
    )
    clearing_account: str | None = Field(
        None,
        description="Account between card or cash payments and the bank: its code or id.",
        json_schema_extra={"references": _PAYABLE},
    )

    timezone: str | None = Field(
        None,
        description="Time zone of business days in place of the organisation's own, such as `Pacific/Auckland`.",
    )
    payment_days: int | None = Field(
        None,
        ge=0,
        le=365,
        description="Days until an invoice is due where neither the contact nor the organisation has terms.",
    )
    document_url: str = Field(
        "https://api.bizoholic.com/",
        description="Where Xero links to from a document made here. The write's key is added to it after "
        "`#`, so that it is never made twice. Must not hold the word xero, which Xero refuses.",
    )

    @classmethod
    def settings_customise_sources(  # type: ignore[override]
        cls,
        _settings: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        **_files: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read no files: every hook loads the settings, and looking for them took half of that time."""
        return init_settings, env_settings

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, name: str | None) -> str | None:
        try:
            return ZoneInfo(name).key if name else None
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("must be the IANA name of a time zone, such as Pacific/Auckland") from None

    @field_validator("document_url")
    @classmethod
    def _check_document_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
            raise ValueError("must be a web address without #")
        if "xero" in url.lower():
            raise ValueError("must not hold the word xero, which Xero refuses in links")
        return url

    @field_validator("api_url", "identity_url", "login_url")
    @classmethod
    def _check_base_url(cls, url: str) -> str:
        # A token sent over plain HTTP, or to a host smuggled into a setting's user part, is a lost token.
        parts = urlsplit(url)
        local_http = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not parts.hostname or parts.username or not (parts.scheme == "https" or local_http):
            raise ValueError("must be an https:// address (http:// only on this machine)")
        # Refuse what the HTTP client cannot send, or parses differently from urlsplit.
        plain = _HOST.fullmatch(parts.netloc) and parts.port != 0 and _PATH.fullmatch(parts.path)
        if not plain or parts.query or parts.fragment or url != parts.geturl():
            raise ValueError("must be a plain address: host, port and path, no query")
        return url.rstrip("/")


def load_settings(values: Mapping[str, Any]) -> Settings:
    """Return the settings that apply now.

    Args:
        values: ``connection["settings"]`` or ``request["settings"]``; keys of other software are ignored,
            ``None`` means unset.

    Raises:
        Misconfigured: naming each wrong setting.
    """
    try:
        return Settings(**{key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        items = error.errors(include_input=False, include_url=False, include_context=False)
        problems = [{"field": f"settings.{item['loc'][0]}", "message": item["msg"]} for item in items]
        messages = "; ".join(f"{problem['field']}: {problem['message']}" for problem in problems)
        raise reasons.BAD_SETTING(problems=problems, messages=messages) from None
