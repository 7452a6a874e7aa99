"""Every code, recovery and reason that the connector can raise is documented, in its own words."""

from __future__ import annotations

import ast
import re

from bizosaas_xero.spec import ERRORS, Recovery
from contract_tests.docs import reasons
from contract_tests.docs.pages import CONNECTOR, DOCS, PACKAGE, first_cells, read, rows, section


def test_every_code_and_recovery_is_documented():
    text = read("errors.md")
    assert set(ERRORS) | set(Recovery.__args__) <= first_cells(text)
    assert {"message", "remedy", *ERRORS["invalid"]("").to_dict()} <= first_cells(text)


def reasons_in_code():
    """Return the pairs of code and reason that the connector's modules can raise.

    Errors are made by calling their class; a reason is a string, a choice between two, or a name that is
    looked up in a table of its module. Without one, the reason is the code. ``Invalid.field`` makes an ``Invalid``.
    """
    found = set()
    for path in CONNECTOR:
        module = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(module):
            if isinstance(function, ast.ClassDef) and function.bases:
                base = ast.unparse(function.bases[0])
                calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
                for call in calls:
                    if base in reasons.CLASSES and ast.unparse(call.func) == "super().__init__":
                        found |= {(reasons.CLASSES[base], k.value.value) for k in call.keywords if k.arg == "reason"}
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                name = reasons.error_name(node)
                if name:
                    reason = next((k.value for k in node.keywords if k.arg == "reason"), None)
                    code = reasons.CLASSES[name]
                    found |= {
                        (code, word)
                        for word in (_words(reason, module) if reason else [reasons.DEFAULT_REASONS.get(name, code)])
                    }
    return found


def _words(node, module):
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return _words(node.body, module) + _words(node.orelse, module)
    assert isinstance(node, ast.Name), "a reason that this test cannot read"
    tables = {
        part.targets[0].id: part.value
        for part in module.body
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Dict)
    }
    constants = [
        part.value.value
        for part in module.body
        if isinstance(part, ast.Assign) and part.targets[0].id == node.id and isinstance(part.value, ast.Constant)
    ]
    if constants:
        return constants
    for look_up in ast.walk(module):
        if isinstance(look_up, ast.Subscript) and getattr(look_up.slice, "id", None) == node.id:
            return [key.value for key in tables[look_up.value.id].keys]
    raise AssertionError("a reason whose words are in no table")


def reasons_in_docs():
    text = section(read("errors.md"), "Reasons", 2)
    return {
        (code, cells[0].strip("`")): cells
        for code in ERRORS
        for cells in rows(section(text, code, 3))
        if cells[0] != "Reason"
    }


def test_every_reason_in_the_code_is_documented_and_no_other():
    in_code = reasons_in_code()
    assert len(in_code) > 30
    assert set(reasons_in_docs()) == in_code


def test_what_the_person_sees_is_what_the_code_says():
    said = [
        text
        for path in [*CONNECTOR, PACKAGE / "spec" / "models.py"]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (text := _text_of(node))
    ]
    for cells in reasons_in_docs().values():
        for piece in filter(None, (piece.strip(" .") for piece in cells[1].split("…"))):
            assert any(piece in text for text in said), piece
        assert len(cells) == 3
        assert cells[2]


def _text_of(node):
    """Return a string of the source, in which the toolkit's `service.name` is Xero."""
    if isinstance(node, ast.JoinedStr):
        parts = [part if isinstance(part, ast.Constant) else part.value for part in node.values]
        return "".join({"service.name": "Xero"}.get(ast.unparse(part), _text_of(part) or "…") for part in parts)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_reason_around_the_connector_is_told():
    text = "".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    raised = set()
    for place in reasons.PLACES.values():
        for path in reasons.modules(place):
            raised |= set(re.findall(r'reason="(\w+)"', path.read_text(encoding="utf-8")))
    assert len(raised) > 60
    assert [reason for reason in sorted(raised) if f"`{reason}`" not in text] == []


def test_what_the_owner_is_told_to_do_names_real_errors():
    text = section(read("start.md"), "If something does not work", 2)
    pairs = {tuple(cells[1].replace("`", "").split(" / ")) for cells in rows(text)[1:]}
    assert len(pairs) > 10
    assert pairs <= set(reasons_in_docs())
    for reason in ("invalid_client", "token_expired", "offline_access_missing", "organisation_not_connected"):
        assert reason in {pair[1] for pair in pairs}
