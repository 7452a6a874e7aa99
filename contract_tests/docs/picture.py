"""Draw what the demo prints into docs/pictures: ``python -m contract_tests.docs.picture``."""

from __future__ import annotations

import io
import os
import re
import tempfile

from rich.console import Console
from rich.terminal_theme import MONOKAI

from bizosaas_xero.cli.commands.demo import run_demo
from bizosaas_xero.cli.output import Output
from contract_tests.docs.pages import DOCS

WIDTH = 84


def drawn() -> str:
    """Return the picture: the demo of a small company, as a terminal shows it."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["BIZOSAAS_HOME"] = home
        output = Output(as_json=False)
        output.console = Console(
            record=True, width=WIDTH, markup=False, emoji=False, highlight=False, file=io.StringIO()
        )
        run_demo(output, invoices=500, seed=1)
        svg = output.console.export_svg(title="bizosaas-xero demo", theme=MONOKAI)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # no fonts from elsewhere
    return svg.replace(home, "~/.bizosaas")


if __name__ == "__main__":
    (DOCS / "pictures").mkdir(exist_ok=True)
    (DOCS / "pictures" / "demo.svg").write_text(drawn(), encoding="utf-8")
