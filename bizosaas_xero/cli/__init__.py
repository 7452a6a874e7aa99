"""The command ``bizosaas-xero``: it combines plugin, host and sandbox, which do not import each other."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command."""
    try:
        from bizosaas_xero.cli.app import app
    except ModuleNotFoundError as error:
        sys.exit(f'{error.name} is not installed. Install it with: pip install "bizosaas-xero[all]"')
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # an old terminal may lack characters of an organisation's name
    app()
