"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value, and nothing else, on stdout.")]
Organisation = Annotated[str | None, typer.Option("--organisation", "-o", help="The organisation's id or name.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
UserName = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Your name; default: your user name.")]
Invoices = Annotated[int, typer.Option(min=0, help="Number of invoices and bills in the demo company.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same books and credentials.")]
