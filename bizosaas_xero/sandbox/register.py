"""The register: every behaviour of the sandbox, its source, and what shows at the real Xero whether it is true."""

from typing import NamedTuple

from bizosaas_xero.sandbox.switches import DOCUMENTED, EVENT, OURS, READING, RECORDED, REPORTED, WRITING, Switches


class Behaviour(NamedTuple):
    """One line of the register.

    Attributes:
        name: The switch, or the part of the sandbox.
        source: `recorded`, `documented`, `reported` or `ours`.
        default: The behaviour, or the default of the switch.
        otherwise: The other choices of a switch.
        shows: What shows it at the real Xero: `reading`, only `writing`, or an `event`.
    """

    name: str
    source: str
    default: str
    otherwise: str = ""
    shows: str = READING


_WITHOUT_SWITCH = (
    Behaviour("error bodies", RECORDED, "401 and 403 have Title, Status, Detail and Instance; 404 is HTML"),
    Behaviour("lists", RECORDED, "indented JSON with CRLF, `\\/Date(…)\\/`, money with its digits"),
    Behaviour("pages", DOCUMENTED, "`pageSize` is clamped to 1 to 1,000; a page past the end is empty"),
    Behaviour("order of ids", RECORDED, "ids sort as SQL Server sorts them"),
    Behaviour("limits", DOCUMENTED, "60 a minute, 1,000 a day, 5 at once, 10,000 a minute for the app"),
    Behaviour(
        "429", RECORDED, "no body; the three remaining counts, `X-Rate-Limit-Problem`, `Retry-After`", shows=EVENT
    ),
    Behaviour(
        "tokens",
        DOCUMENTED,
        "codes 5 minutes, access 30 minutes, refresh 60 days with 30 minutes of grace",
        shows=EVENT,
    ),
    Behaviour("scopes", DOCUMENTED, "granular for apps made since 2 March 2026, broad ones for older apps"),
    Behaviour("one document, answers to writes", RECORDED, "the contact is whole; one payment has its whole invoice"),
    Behaviour("sides of transfers", RECORDED, "answer by id, without contact, totals, and account and tax of lines"),
    Behaviour("warnings of writes", RECORDED, "stand under `Warnings` of a good answer", shows=WRITING),
    Behaviour("empty payroll", REPORTED, "an organisation without payroll answers 403 with an empty body", shows=EVENT),
    Behaviour("far and early dates", RECORDED, "due dates may be in the years 202, 2206 or 2500"),
    Behaviour(
        "edge of Xero",
        REPORTED,
        "a 403 with an HTML page comes before Xero, and passes: the fault `status`",
        shows=EVENT,
    ),
    Behaviour(
        "clock", REPORTED, "`DateTimeUTC` of an answer may be ahead of its rows: the fault `clock_ahead`", shows=EVENT
    ),
    Behaviour(
        "damaged answers", REPORTED, "wrong text, numbers and dates in rows: faults `malformed`, `bad_row`", shows=EVENT
    ),
    Behaviour("refunds in lists of payments", RECORDED, "named by an `Invoice` key with the id of the credit"),
    Behaviour("idempotency", DOCUMENTED, "a key is remembered for 6 minutes, for the app, refusals too", shows=WRITING),
    Behaviour(
        "locks", DOCUMENTED, "nothing is posted on or before a lock date; advisers pass the period lock", shows=WRITING
    ),
    Behaviour("messages of refusals", OURS, "Xero's words where they are known, else in our words", shows=WRITING),
    Behaviour("rates of currencies", OURS, "a fixed table by week", shows=EVENT),
    Behaviour("aged reports", DOCUMENTED, "prepayments are listed; drafts and voided documents are not"),
    Behaviour("webhooks", DOCUMENTED, "intent to receive, retries for a day, events kept for 31 days", shows=EVENT),
)


def register() -> tuple[Behaviour, ...]:
    """Return every behaviour with its source: the switches first, then those that have none."""
    rows = []
    for name, spec in Switches.__dataclass_fields__.items():
        (value, default), *others = spec.metadata["choices"].items()
        otherwise = "; ".join(f"`{_text(other)}`: {meaning}" for other, meaning in others)
        rows.append(
            Behaviour(
                f"`{name}`", spec.metadata["source"], f"`{_text(value)}`: {default}", otherwise, spec.metadata["shows"]
            )
        )
    return (*rows, *_WITHOUT_SWITCH)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
