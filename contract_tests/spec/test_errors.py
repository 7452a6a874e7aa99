"""An error of one field is made in one way."""

from __future__ import annotations

import ast

from bizosaas_xero.spec.errors import SUBJECT, Invalid, NotFound
from contract_tests.helpers.paths import ROOT

PACKAGE = ROOT / "bizosaas_xero"

MANY_PROBLEMS = {
    "spec/errors.py": "makes the list for one field, and rebuilds errors",
    "spec/reasons.py": "makes the list for one field, and passes lists on",
    "spec/base.py": "all that pydantic found",
    "connector/settings.py": "all that pydantic found",
    "connector/http/errors.py": "all that Xero said",
    "connector/actions/writes/execute.py": "all that Xero said",
    "connector/actions/invoices/email_invoice.py": "all that Xero said, under another reason",
    "connector/actions/invoices/items.py": "each unknown item",
    "connector/actions/invoices/lines.py": "each wrong line",
    "connector/actions/bank/statement.py": "each wrong line",
    "connector/actions/typed_rows.py": "a class of its own, which keeps record and path",
    "host/connections/configure.py": "each wrong setting",
    "web/pages/sync.py": "those of an error, for its page",
    "cli/choose_organisation.py": "those of an error that gets another remedy",
}
"""The modules that hand a list of problems to an error, and why."""


def test_the_message_names_the_field_and_what_is_wrong():
    error = Invalid.field("params.due_date", "is before the invoice's date", "Give a later one.", reason="too_early")
    assert error.message == "params.due_date: is before the invoice's date."
    assert error.problems == [{"field": "params.due_date", "message": "is before the invoice's date"}]
    assert (error.remedy, error.reason, error.code) == ("Give a later one.", "too_early", "invalid")


def test_a_summary_says_it_in_its_own_words():
    assert Invalid.field("cursor", "must be a mapping", summary=SUBJECT).message == "cursor must be a mapping."
    error = NotFound.field("params.id", "is {message} unknown", summary="There is no such payment.")
    assert (error.message, error.code) == ("There is no such payment.", "not_found")
    assert Invalid.field("a", "{x}", summary="{path} {message}").message == "a {x}", "texts of people are not filled in"


def test_only_what_has_many_problems_makes_their_list():
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and any(keyword.arg == "problems" for keyword in node.keywords)
    }
    assert found == set(MANY_PROBLEMS), "use Invalid.field(path, message, remedy), or drop the exception"
