"""Who asked for what, who may ask no more, and the audit."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bizosaas_xero.host import Requester
from bizosaas_xero.host.actions.names import is_same_name
from bizosaas_xero.web import words
from bizosaas_xero.web.guard import visit_of
from bizosaas_xero.web.pages.base import Page

MAX_ENTRIES = 100
"""Entries of the audit on one page, the newest."""


class ActivityPages(Page):
    """What was asked for, and by whom."""

    def activity(self, request: Request) -> HTMLResponse:
        """Show who asked for what, the newest entries of the audit, and whether its chain holds."""
        verification = self.host.audit.verify() if "verify" in request.query_params else None
        found = self.host.requesters.list_all()
        titles = self._titles()
        return self.show(
            request,
            "activity.html",
            entries=list(self.host.audit.entries(last=MAX_ENTRIES))[::-1],
            names={each.organisation_id: each.organisation for each in self.host.store.connections()},
            verification=verification,
            head=self.host.audit.head(),
            agents=[self._card(each, titles) for each in found if each.is_agent],
            others=[self._card(each, titles) for each in found if not each.is_agent],
            titles=titles,
            does=words.AUDIT,
            may_revoke=visit_of(request).user.may("owner"),
        )

    def revoke(self, request: Request) -> Response:
        """Refuse what a requester asks from now on."""
        user, name = self.require(request, "owner"), visit_of(request).form.get("name", "")
        if is_same_name(name, user.name):
            return self.go(request, "/activity", "Nothing was changed: this is your own name.", "problem")
        self.host.revoke_requester(name, user.name)
        return self.go(request, "/activity", f"{name} may ask for nothing any more.")

    def allow(self, request: Request) -> Response:
        """Let a requester ask again."""
        user, name = self.require(request, "owner"), visit_of(request).form.get("name", "")
        self.host.allow_requester(name, user.name)
        return self.go(request, "/activity", f"{name} may ask again.")

    def _card(self, requester: Requester, titles: dict[str, str]) -> dict[str, Any]:
        asked = [
            f"{titles.get(name, name)} ({words.count(times, 'time')})" for name, times in requester.actions.items()
        ]
        return {"requester": requester, "asked": words.join(asked)}

    def _titles(self) -> dict[str, str]:
        loaded = self.host.report.loaded.values()
        return {action.name: action.title for connector in loaded for action in connector.list_actions(None)}
