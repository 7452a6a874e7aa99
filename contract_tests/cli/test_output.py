"""Every text that a command prints passes one place, which makes invisible and control characters visible."""

from __future__ import annotations

import ast
import io
import json

import pytest
from rich.console import Console

from bizosaas_xero.cli.output import Output, Styled
from bizosaas_xero.cli.render import show_data
from bizosaas_xero.host.text import make_visible
from bizosaas_xero.spec import Invalid
from contract_tests.helpers.paths import ROOT

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\r\b\u202e\u200b\u034f\ufe0f\u3164\u115f\u1160\uffa0\u180b\u2800\U000e0100"
"""Escape sequences (ESC, OSC, C1), a direction override, and characters that are invisible or blank."""

NAME = f"Blue{HOSTILE}bird"


def print_everywhere(output):
    """Print a hostile name in every way that a command prints."""
    output.say(NAME, Styled(NAME, "bold"))
    output.line(NAME)
    output.command(NAME)
    output.indented(NAME)
    output.table((NAME, "Column"), [(NAME, Styled(NAME, "red"))])
    output.definitions([(NAME, [NAME])], 7)
    output.markdown(NAME)
    output.markdown(NAME, rendered=False)
    output.prompt(NAME)
    error = Invalid(NAME, remedy=NAME, problems=[{"field": NAME, "message": "a"}, {"field": "b", "message": NAME}])
    output.report_error(error)
    output.show_problem(error.to_dict(), subject=NAME)
    show_data(output, {"name": NAME, "rows": [{"name": NAME, "other": NAME}], NAME: {"list": [NAME]}})


@pytest.mark.parametrize("terminal", [False, True])
def test_no_printed_text_holds_a_character_that_cannot_be_seen(terminal):
    output, printed = Output(as_json=False), io.StringIO()
    for name in ("console", "errors"):
        options = {"markup": False, "emoji": False, "highlight": False, "no_color": True, "color_system": None}
        setattr(output, name, Console(file=printed, width=300, force_terminal=terminal, **options))
    print_everywhere(output)
    text = printed.getvalue()
    assert text.count("bird") > 15
    for character in set(HOSTILE) - set("[]0;title2J31m"):
        assert character not in text, hex(ord(character))


def test_text_of_all_scripts_stays_as_it_is():
    for text in ("Café Zoë & Søn", "日本商事", "شركة", "Ελλάς 1.234,50 €", "नमस्ते"):
        assert make_visible(text) == text


def test_the_json_of_a_program_is_the_same_value_and_hides_nothing_on_a_terminal(capsys):
    Output(as_json=True).write_json({NAME: [NAME, "Zoë"]})
    text = capsys.readouterr().out
    assert json.loads(text) == {NAME: [NAME, "Zoë"]}
    assert "Zoë" in text
    for character in set(HOSTILE) - set("[]0;title2J31m"):
        assert character not in text, hex(ord(character))


def test_only_one_module_of_the_command_prints():
    allowed = {"app.py": {"echo"}, "__init__.py": {"stdout"}}  # the version; how characters are encoded
    for path in (ROOT / "bizosaas_xero" / "cli").rglob("*.py"):
        if path.name == "output.py":
            continue
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        names |= {node.id for node in nodes if isinstance(node, ast.Name)}
        assert names & {"print", "echo", "secho", "stdout"} <= allowed.get(path.name, set()), path
