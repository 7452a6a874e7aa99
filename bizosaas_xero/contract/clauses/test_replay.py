"""The connector sends exactly the recorded requests, each once."""

from __future__ import annotations

from bizosaas_xero.contract.clause_registry import clause, require
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.observation import Observation
from bizosaas_xero.contract.scenarios import Scenario


def recorded(one: Scenario) -> bool:
    """Select scenarios that have a cassette."""
    return one.http


def without_http(subject: Subject) -> str:
    """Excuse connectors without HTTP."""
    return "it makes no HTTP requests" if subject.contract.transport == "none" else ""


@clause(
    "replay.only-recorded",
    "It sends only recorded requests, and each once: by method, address, query, the headers of the contract, and "
    "the body of writes.",
    shown_by=lambda _to_text: True,
    unless=without_http,
)
def test_only_recorded(seen: Observation) -> None:
    strange = [sent.text for sent in seen.sent if not sent.known]
    require(not strange, f"it sent a request that was not recorded: {'; '.join(strange[:3])}")


@clause("replay.all-played", "Every recorded request is sent.", shown_by=recorded, unless=without_http)
def test_all_played(seen: Observation) -> None:
    require(seen.sent, "it made no request at all")
    require(not seen.unused, f"{seen.unused} recorded requests were not sent")


@clause(
    "replay.no-stray-cassette",
    "Every cassette belongs to a scenario, and has a provenance.",
    unless=without_http,
)
def test_no_stray_cassette(subject: Subject) -> None:
    stray = subject.contract.unused() if subject.contract.transport == "http" else []
    require(not stray, f"no scenario declares: {', '.join(stray)}")
