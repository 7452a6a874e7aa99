"""Every error with a reason is registered, raised as it is registered, and shown so on the pages of errors."""

from __future__ import annotations

import ast
from string import Formatter

import pytest

from bizosaas_xero.spec import ERRORS, Recovery
from bizosaas_xero.spec.reasons import Reason
from contract_tests.docs import reasons
from contract_tests.docs.pages import first_cells, read, rows, section

CLASSES = {error.__name__: error for error in ERRORS.values()}
ATTRIBUTES = {"message", "remedy", "retry_after", "correlation_id", "problems", "scopes", "features"}


def test_every_code_and_recovery_is_documented():
    text = read("errors.md")
    assert set(ERRORS) | set(Recovery.__args__) <= first_cells(text)
    assert {"message", "remedy", *ERRORS["invalid"]("").to_dict()} <= first_cells(text)


def sources(place):
    """Return path and tree of each module of a place, without the one that registers its reasons."""
    for path in reasons.modules(place):
        if path.name != "reasons.py":
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def everywhere():
    """Return place, path and tree of each module that raises, and the rows that it can name."""
    toolkit = reasons.registered("toolkit")
    for place in reasons.REGISTRIES:
        known = reasons.registered(place) | (toolkit if place == "connector" else {})
        for path, tree in sources(place):
            yield place, path, tree, known


def row_named(node, rows_of_place):
    """Return the registered row that an expression names, such as ``reasons.STALE_PLAN``."""
    name = node.attr if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "reasons" else None
    name = node.id if isinstance(node, ast.Name) else name
    return rows_of_place.get(name)


def raised_rows():
    """Return every row that some module names outside its registry."""
    return [
        row
        for _, _, tree, known in everywhere()
        for node in ast.walk(tree)
        if isinstance(getattr(node, "ctx", None), ast.Load) and (row := row_named(node, known))
    ]


def written_out():
    """Return place, path, class and reason of each error that is made without its row."""
    for place, path, tree, _ in everywhere():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            made = ast.unparse(node.func).removesuffix(".field")
            for keyword in node.keywords:
                passed_on = ast.unparse(keyword.value) == "error.reason"
                if keyword.arg == "reason" and made in CLASSES and not passed_on:
                    yield place, path, CLASSES[made], keyword.value


def test_every_error_with_a_reason_is_raised_from_its_row():
    assert [f"{path}: {ast.unparse(reason)}: use its row" for _, path, _, reason in written_out()] == []


def _module(path):
    return ".".join(path.relative_to(reasons.PACKAGE.parent).with_suffix("").parts)


def test_every_registered_reason_is_raised():
    used = raised_rows()
    assert len(used) > 150
    for place in reasons.REGISTRIES:
        words = {node.value for _, tree in sources(place) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        for name, row in reasons.registered(place).items():
            told = {row.name, row.name.removeprefix("database_")} & words
            assert row in used or (place == "host" and told), f"{place}: {name} is raised nowhere"


def test_what_is_still_written_out_has_the_words_of_its_row():
    texts = [_text(node) for path, tree in sources("host") if "storage" in path.parts for node in ast.walk(tree)]
    used = raised_rows()
    for row in reasons.registered("host").values():
        if row not in used:
            for piece in f"{row.message} {row.remedy}".split("{"):
                for words in piece.partition("}")[2 if "}" in piece else 0].split(". "):
                    assert any(words.strip(" .()") in text for text in texts), words


def _text(node):
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_error_that_is_made_of_a_row_fills_its_braces():
    count = 0
    for _, path, tree, known in everywhere():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            by_field = isinstance(node.func, ast.Attribute) and node.func.attr == "field"
            row = row_named(node.func.value if by_field else node.func, known)
            choices = [row] if row else []
            if not by_field and isinstance(node.func, ast.IfExp):
                choices = [row_named(choice, known) for choice in (node.func.body, node.func.orelse)]
            for choice in choices:
                count += 1
                missing = _missing_parts(choice, node, by_field=by_field)
                assert missing == set(), f"{path}:{node.lineno}: {choice.name}"
    assert count > 150


def _missing_parts(row: Reason, call, *, by_field):
    given = {keyword.arg for keyword in call.keywords}
    own = set(given)
    if len(call.args) > by_field:
        own.add("problem" if by_field else "message")
    templates = {"message": row.message or ("" if by_field else "{problem}"), "remedy": row.remedy}
    templates |= {"problem": row.problem} if by_field else {}
    needed = {
        name
        for attribute, template in templates.items()
        if attribute not in own
        for _, name, _, _ in Formatter().parse(template)
        if name is not None
    }
    return needed - given - ({"path", "problem"} if by_field else set())


@pytest.mark.parametrize("place", reasons.REGISTRIES)
def test_a_row_is_made_an_error_of_its_class(place):
    for row in reasons.registered(place).values():
        names = {
            name: 0
            for text in (row.message, row.remedy, row.problem)
            for _, name, _, _ in Formatter().parse(text)
            if name
        }
        error = row("It happened.", remedy="Do this.", **names)
        assert (type(error), error.reason, error.message, error.remedy) == (
            row.error,
            row.name,
            "It happened.",
            "Do this.",
        )
        assert row.name.isidentifier()
        assert row.name == row.name.lower()


def test_a_row_for_one_field_names_it_in_message_and_problems():
    row = Reason("too_long", CLASSES["Invalid"], remedy="Give {most} at most.", problem="has more than {most}")
    error = row.field("params.lines", most=3)
    assert (
        error.to_dict() | {"cost": None}
        == CLASSES["Invalid"](
            "params.lines: has more than 3.",
            remedy="Give 3 at most.",
            reason="too_long",
            problems=[{"field": "params.lines", "message": "has more than 3"}],
        ).to_dict()
    )


def test_what_the_owner_is_told_to_do_names_real_errors():
    text = section(read("start.md"), "If something does not work", 2)
    pairs = {tuple(cells[1].replace("`", "").split(" / ")) for cells in rows(text)[1:]}
    assert len(pairs) > 10
    raised = {(row.error.code, row.name) for place in reasons.CONNECTOR for row in reasons.registered(place).values()}
    assert pairs <= raised
    for reason in ("invalid_client", "token_expired", "offline_access_missing", "organisation_not_connected"):
        assert reason in {pair[1] for pair in pairs}
