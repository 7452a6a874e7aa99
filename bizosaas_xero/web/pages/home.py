"""Settings → Integrations: one sentence, what needs a person, what is connected, and what can be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse

from bizosaas_xero.host import EntityState, Figure, StoredConnection
from bizosaas_xero.web import words
from bizosaas_xero.web.pages.base import Page

LATE = timedelta(minutes=10)
"""How long a sync may be overdue before the page says so."""


@dataclass(frozen=True)
class Summary:
    """A connection in short.

    Args:
        connection: Which.
        title: Of its connector.
        sentence: Its figures, and whether it is in step.
        needs: What a person should look at: text, remedy and the page to go to.
        synced: Whether anything was synced yet.
    """

    connection: StoredConnection
    title: str
    sentence: str
    needs: list[dict[str, Any]]
    synced: bool


class HomePage(Page):
    """The first page."""

    def home(self, request: Request) -> HTMLResponse:
        """Show the home page."""
        summaries = [self.summarise(each) for each in self.host.store.connections()]
        connected = {each.connection.connector for each in summaries}
        rows = [
            {
                "name": row.name,
                "status": row.status,
                "reason": row.reason,
                "info": self.host.report.loaded[row.name].describe() if row.name in self.host.report.loaded else None,
                "connected": row.name in connected,
            }
            for row in self.host.report.rows
        ]
        return self.show(request, "home.html", sentence=_headline(summaries), summaries=summaries, connectors=rows)

    def health(self, _request: Request) -> PlainTextResponse:
        """Answer that the pages are served; no secret and no figure is in it."""
        return PlainTextResponse("ok\n")

    def summarise(self, connection: StoredConnection) -> Summary:
        """Read a connection in short; it sends no request."""
        states = {state.entity: state for state in self.host.store.entity_states(connection.id)}
        entities = self.synced_entities(connection)
        found = [states.get(each.name, EntityState(each.name)) for each in entities]
        titles = {each.name: each.title for each in entities}
        needs = self._needs(connection, found, titles)
        connector = self.host.report.loaded.get(connection.connector)
        figures = self.host.figures.read(connection, connector) if connector else []
        parts = [_figure(each) for each in figures] + [self._in_step(found, needs)]
        return Summary(
            connection,
            self.title(connection.connector),
            "; ".join(part for part in parts if part),
            needs,
            any(state.last_success for state in found),
        )

    def _in_step(self, states: list[EntityState], needs: list[dict[str, Any]]) -> str:
        moments = [state.last_success for state in states if state.last_success]
        if not moments:
            return "nothing was synced yet"
        last = f"last synced {words.ago(max(moments), self.now())}"
        late = [state for state in states if state.next_due and state.next_due < self.now() - LATE]
        if len(moments) < len(states):
            return f"the first sync is not finished, {last}"
        failed = any((state.outcome or {}).get("problem") for state in states)
        if failed or any(need["kind"] == "sync" for need in needs):
            return f"not everything is in step, {last}"
        return f"waiting to sync, {last}" if late else f"all in step, {last}"

    def _needs(
        self, connection: StoredConnection, states: list[EntityState], titles: dict[str, str]
    ) -> list[dict[str, Any]]:
        """Return what needs a person; each problem once, with everything that it stops."""
        page = f"/connections/{connection.id}"
        problems: dict[str, tuple[dict[str, Any], list[str]]] = {}
        if connection.problem:
            problems[connection.problem["message"]] = (connection.problem, [])
        for state in states:
            problem = (state.outcome or {}).get("problem")
            if problem and problem["recovery"] in {"reconnect", "fix", "none"}:
                problems.setdefault(problem["message"], (problem, []))[1].append(titles[state.entity])
        needs = [
            {"kind": "sync", "subject": words.join(names), "problem": problem, "page": page, "link": "Look at it"}
            for problem, names in problems.values()
        ]
        waiting = len(self.host.approvals.list_waiting(connection.id))
        if waiting:
            text = f"{words.count(waiting, 'plan')} {'waits' if waiting == 1 else 'wait'} for approval."
            problem = {"message": text, "remedy": "", "code": "", "reason": ""}
            needs.append({"kind": "plan", "subject": "", "problem": problem, "page": "/approvals", "link": "Decide"})
        return needs


def _figure(figure: Figure) -> str:
    sums = words.join([words.money(amount, currency) for currency, amount in figure.sums.items()])
    if not sums:
        return f"nothing {figure.card.title}"
    late = f", {figure.late:,} {figure.card.late_title}" if figure.late and figure.card.late_title else ""
    return f"{sums} {figure.card.title}{late}"


def _headline(summaries: list[Summary]) -> str:
    """Return the one sentence on top."""
    if not summaries:
        return "Nothing is connected yet."
    if len(summaries) == 1:
        sentence = summaries[0].sentence
        return f"{sentence[0].upper()}{sentence[1:]}."
    needy = sum(bool(each.needs) for each in summaries)
    verb = "needs" if needy == 1 else "need"
    return f"{len(summaries)} organisations are connected; {f'{needy} {verb} you' if needy else 'all is well'}."
