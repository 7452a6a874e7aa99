"""The command ``bizosaas-xero``: it puts plugin, host and sandbox together, and alone may import them all."""

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
            reconfigure(errors="replace")  # an organisation's name must not break an old terminal
    app()
