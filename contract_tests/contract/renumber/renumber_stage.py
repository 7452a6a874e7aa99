"""The sandbox as the stage of the scenarios of ``set_contact_number``."""

from __future__ import annotations

from bizosaas_xero.cli.recording.sandbox_stage import Stage
from bizosaas_xero.cli.recording.sandbox_writes import STALE

__all__ = ["Stage"]


def numbered_by_a_colleague(box, params):
    box.sandbox.store().edit("Contacts", params["contact"], {"ContactNumber": "a colleague's"})


STALE["set_contact_number"] = numbered_by_a_colleague
