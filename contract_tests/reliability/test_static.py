"""Dangerous calls that the package must not use, found in its syntax: a check that works offline."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import bizosaas_xero

PACKAGE = Path(bizosaas_xero.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"}
MODULE_NAMES = {"pickle", "marshal", "shelve", "dill", "telnetlib", "ftplib", "xmlrpc"}
KNOWN = {
    ("contract/clauses/test_auth_results.py", "pickle"): "the kit pickles what a connector gave, and loads that",
    ("contract/clauses/test_errors.py", "pickle"): "the kit pickles what a connector raised, and loads that",
    ("contract/import_probe.py", "__import__"): "the kit imports the connector that it is asked to look at",
    ("host/storage/database.py", "definition"): "table and column are quoted and compiled by SQLAlchemy",
    ("host/storage/database.py", "table"): "table and column are quoted and compiled by SQLAlchemy",
    (
        "sandbox/oauth/endpoints.py",
        "app.client_secret",
    ): "the sandbox imitates; its secrets are printed at its start",
}
"""What looks dangerous and is not: module and a part of the complaint, to the reason."""

SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM|ALTER\s+TABLE|DROP\s)", re.DOTALL)


def problems(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from called(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.split(".")[0] for alias in node.names}
            names.add((getattr(node, "module", "") or "").split(".")[0])
            yield from (f"imports {name}" for name in names & MODULE_NAMES)
        elif isinstance(node, ast.Attribute) and node.attr in {"_create_unverified_context", "CERT_NONE"}:
            yield node.attr
        elif isinstance(node, ast.JoinedStr):
            yield from formatted_sql(node)
        elif isinstance(node, ast.Compare):
            yield from compared_secret(node)


def called(node):
    name = ast.unparse(node.func)
    loads = name.endswith((".loads", ".load")) and name.split(".")[0] in MODULE_NAMES
    if name in CALLS or loads:
        yield f"calls {name}"
    for keyword in node.keywords:
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if (keyword.arg, value) in {("verify", False), ("shell", True), ("check_hostname", False)}:
            yield f"{keyword.arg}={value}"


def formatted_sql(node):
    said = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
    if SQL.search(said):
        parts = (part.value for part in node.values if isinstance(part, ast.FormattedValue))
        yield from (f"SQL with {ast.unparse(part)}" for part in parts)


SECRETS = re.compile(r"(?:^|_|\.)(signature|secret|token|hmac|digest|verifier)s?$")


def compared_secret(node):
    """A secret that is compared with ``==`` tells by its time how much of it was right."""
    if not any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
        return
    sides = [node.left, *node.comparators]
    if any(isinstance(side, ast.Constant) for side in sides):
        return
    named = [ast.unparse(side) for side in sides if isinstance(side, ast.Name | ast.Attribute)]
    if any(SECRETS.search(name) and not name.endswith("digest") for name in named):
        yield f"compares {' and '.join(named)} with =="


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_module_uses_a_dangerous_call(path):
    module = path.relative_to(PACKAGE).as_posix()
    known = [part for name, part in KNOWN if name == module]
    found = list(problems(ast.parse(path.read_text(encoding="utf-8"))))
    assert [each for each in found if not any(part in each for part in known)] == []
    assert [part for part in known if not any(part in each for each in found)] == [], "known, and not there"


@pytest.mark.parametrize(
    "source",
    [
        "eval(x)",
        "import pickle",
        "from pickle import loads",
        "httpx.get(url, verify=False)",
        "subprocess.run(x, shell=True)",
        "yaml.load(x)",
        "ssl._create_unverified_context()",
        "run(f'SELECT * FROM {name}')",
        "run(f'DELETE FROM invoices WHERE key = {key}')",
        "ok = given.signature == right",
        "ok = self._token != given",
    ],
)
def test_the_check_finds_each_dangerous_call(source):
    assert list(problems(ast.parse(source)))


IN_TESTS = {"S101", "S105", "S106"}
"""Off in tests: `assert`, and made-up passwords."""


def test_ruffs_security_rules_are_on():
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    ignored = re.search(r"^ignore = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)[1]
    assert 'select = ["ALL"]' in text
    assert not re.findall(r'"S\d*"', ignored), "a rule against insecure code is off for the whole package"
    per_file = re.search(r"per-file-ignores\]\n(.*?)\n\n", text, re.DOTALL)[1]
    for line in per_file.splitlines():
        off = set(re.findall(r'"(S\d*)"', line.split("=", 1)[1]))
        assert off <= (IN_TESTS if line.startswith('"contract_tests/') else set()), line


EXCEPTION = re.compile(r"#\s*(?:ruff:\s*)?noqa(?::\s*(?P<rules>[A-Z]+\d+(?:,\s*[A-Z]+\d+)*))?(?P<reason>.*)")


def unreasoned(text):
    """Yield the lines that switch off a rule against insecure code, or all rules, and give no reason."""
    for line in text.splitlines():
        found = EXCEPTION.search(line)
        if found is None or re.search(r"\w{3}", found["reason"]):
            continue
        rules = re.findall(r"[A-Z]+\d+", found["rules"] or "")
        if not rules or any(re.fullmatch(r"S\d+", rule) for rule in rules):
            yield line


def test_each_exception_to_the_security_rules_has_its_reason_on_the_line():
    root = PACKAGE.parent
    files = [
        path
        for name in ("bizosaas_xero", "contract_tests", "cassettes", "docs")
        for path in (root / name).rglob("*.py")
    ]
    assert len(files) > len(MODULES)
    assert not [f"{path}: {line}" for path in files for line in unreasoned(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("rules", [": S603", "", ": E501, S101", ": S311,S608 -"])
def test_an_exception_without_a_reason_is_found(rules):
    mark = "# no" + "qa"
    assert list(unreasoned(f"x = 1  {mark}{rules}"))
    assert not list(unreasoned(f"x = 1  {mark}{rules} (our own command)"))
