"""Small breakages of a module's functions, made on its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.FloorDiv: ast.Div,
}
NAMES = {"max": "min", "min": "max", "any": "all", "all": "any", "abs": "__builtins_identity__"}

Change = tuple[str, Callable[[], None], Callable[[], None]]
"""What it changes, in words; how to do it, and how to take it back."""


@dataclass(frozen=True)
class Mutant:
    """One breakage: where, what, and the module's code with it."""

    file: str
    function: str
    line: int
    last_line: int
    what: str
    code: CodeType

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.what}"


def make_mutants(file: str, source: str) -> Iterator[Mutant]:
    """Yield each breakage of each function of a module; texts, defaults and decorators are left alone."""
    tree = ast.parse(source)
    for function, name in _functions(tree, ""):
        for node, what, do, undo in _changes(function):
            do()
            ast.fix_missing_locations(tree)
            code = compile(tree, file, "exec")
            undo()
            yield Mutant(file, name, node.lineno, node.end_lineno or node.lineno, what, code)


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child, prefix + child.name
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")


def _changes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[Any, str, Callable[[], None], Any]]:
    for statement in function.body:
        yield from _changes_within(statement, function, "body")


def _changes_within(node: ast.AST, parent: ast.AST, place: str) -> Iterator[tuple[Any, str, Callable[[], None], Any]]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.expr | ast.stmt):
        for what, do, undo in _changes_of(node, parent, place):
            yield node, what, do, undo
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "args"} and not isinstance(node, ast.Call):
            continue  # made once, when the module is loaded
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _changes_within(child, node, name)


def _changes_of(node: ast.AST, parent: ast.AST, place: str) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for position, operator in enumerate(node.ops):
            yield _swap(node.ops, position, COMPARISONS[type(operator)](), type(operator).__name__)
    elif isinstance(node, ast.BoolOp):
        yield _set(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield _set(node, "op", OPERATORS[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield _set(node, "op", ast.UAdd())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _replace(parent, place, node, node.operand, "not dropped")
    elif isinstance(node, ast.Call):
        yield from _changes_of_call(node)
    elif isinstance(node, ast.Constant) and not isinstance(parent, ast.JoinedStr | ast.FormattedValue):
        yield from _changes_of_constant(node)
    else:
        yield from _changes_of_statement(node, parent, place)


def _changes_of_statement(node: ast.AST, parent: ast.AST, place: str) -> Iterator[Change]:
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield _set(node, "test", ast.UnaryOp(ast.Not(), node.test), "condition turned round")
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield _set(node, "value", ast.Constant(None), "returns None")
    elif isinstance(node, ast.Assign) and not _is_none(node.value):
        yield _set(node, "value", ast.Constant(None), "assigns None")
    elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield _replace(parent, place, node, ast.Pass(), f"{ast.unparse(node)[:60]!r} dropped")


def _changes_of_call(node: ast.Call) -> Iterator[Change]:
    if isinstance(node.func, ast.Name) and node.func.id in NAMES:
        name = NAMES[node.func.id]
        new = ast.parse("lambda x: x", mode="eval").body if name.startswith("__") else ast.Name(name, ast.Load())
        yield _set(node, "func", new, f"{node.func.id} swapped")
    for keyword in node.keywords:
        if keyword.arg is not None:
            left = [other for other in node.keywords if other is not keyword]
            yield _set(node, "keywords", left, f"argument {keyword.arg} dropped")


def _changes_of_constant(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield _set(node, "value", not value, f"{value} turned round")
    elif isinstance(value, int):
        yield _set(node, "value", value + 1, f"{value} + 1")
    elif isinstance(value, str) and " " not in value:
        yield _set(node, "value", f"XX{value}", f"{value!r} changed")


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _set(node: ast.AST, name: str, new: Any, what: str = "") -> Change:
    old = getattr(node, name)
    words = what or f"{type(old).__name__} becomes {type(new).__name__}"
    return words, lambda: setattr(node, name, new), lambda: setattr(node, name, old)


def _swap(items: list[Any], position: int, new: Any, word: str) -> Change:
    old = items[position]
    what = f"{word} becomes {type(new).__name__}"
    return what, lambda: items.__setitem__(position, new), lambda: items.__setitem__(position, old)


def _replace(parent: ast.AST, place: str, node: ast.AST, new: ast.AST, what: str) -> Change:
    held = getattr(parent, place)
    if isinstance(held, list):
        position = next(index for index, child in enumerate(held) if child is node)
        _words, do, undo = _swap(held, position, new, "")
        return what, do, undo
    return _set(parent, place, new, what)
