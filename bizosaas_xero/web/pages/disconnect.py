"""Leave: download an organisation's records, disconnect it, and delete what is stored of it."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from bizosaas_xero.host.storage.leases import LEASE_WAIT_SECONDS
from bizosaas_xero.host.support.leaving import Format, delete_records, export_records
from bizosaas_xero.web import words
from bizosaas_xero.web.guard import visit_of
from bizosaas_xero.web.pages.base import Page


class DisconnectPages(Page):
    """The end of a connection."""

    def download(self, request: Request) -> Response:
        """Give all records of an organisation as one ZIP file."""
        self.require(request, "owner")
        connection = self.connection(request)
        connector = self.host.report.connector(connection.connector)
        format_: Format = "csv" if request.query_params.get("format") == "csv" else "jsonl"
        folder = Path(tempfile.mkdtemp(prefix="bizosaas-export-"))  # readable for its owner alone
        clean_up = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        with ExitStack() as on_failure:
            on_failure.callback(shutil.rmtree, folder, ignore_errors=True)
            export_records(self.host.database, connector, connection.organisation_id, folder / "records", format_)
            archive = shutil.make_archive(str(folder / "records"), "zip", folder / "records")
            on_failure.pop_all()
        return FileResponse(archive, filename=f"{connection.connector}-records.zip", background=clean_up)

    def ask(self, request: Request) -> HTMLResponse:
        """Ask whether to disconnect."""
        self.require(request, "owner")
        connection = self.connection(request)
        siblings = [
            each
            for each in self.host.store.connections(connection.identity)
            if each.connector == connection.connector and each.id != connection.id
        ]
        return self.show(
            request,
            "disconnect.html",
            connection=connection,
            siblings=siblings,
            title=self.title(connection.connector),
            place=self.host.database.place,
        )

    def disconnect(self, request: Request) -> Response:
        """End the access to an organisation, or to all that the person granted the app; delete its records if asked."""
        self.require(request, "owner")
        connection, form = self.connection(request), visit_of(request).form
        delete = form.get("delete") == "yes"
        if delete and form.get("confirm", "").strip() != connection.organisation:
            message = f"Nothing was done. To delete the records, type the name: {connection.organisation}"
            return self.go(request, f"/connections/{connection.id}/disconnect", message, "problem")
        connector = self.host.report.connector(connection.connector)
        gone = self.host.connections.disconnect(connection.id, revoke=form.get("revoke") == "yes")
        names = words.join([each.organisation for each in gone])
        if not delete:
            return self.go(request, "/", f"Disconnected from {names}. The synced records are kept.")
        with self.host.leases.hold(f"sync:{connection.id}", connection.organisation, LEASE_WAIT_SECONDS):
            deleted = delete_records(self.host.database, connector, connection.organisation_id)
        said = f"Disconnected from {names}. {words.count(deleted, 'record')} deleted; the audit is kept."
        return self.go(request, "/", said)
