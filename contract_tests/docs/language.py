"""Find turns of phrase that a reader must decode: ``python -m contract_tests.docs.language [PATH …]``.

Reads docstrings, comments, messages and help of Python files, and the prose of Markdown pages (no code blocks).
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract_tests.helpers.paths import ROOT

PHRASES = {
    r"\b(is|are|was|were|be|been) told\b|\btold (by|of|as|apart|from)\b|\btells? (of|apart)\b": "say who says what",
    r"\b(no|any|some)body\b": "name the person: user, person, no one",
    r"\bis no(?! (longer|more|one)\b) \w": "use 'is not a' or 'has no'",
    r"\bstands? (for|in|on|behind|there|as|still|so)\b": "is, means, holds",
    r"\bbesides?\b": "next to, in addition, with",
    r"\bwhat (came|comes|will come) of\b|\bcomes? to (?:be|this|that|nothing)\b": "name the result",
    r"\bgo(es)? on\b": "continues, keeps running",
    r"\bwho(so)?ever\b": "name the person",
    r"\banew\b": "again",
    r"\blies\b": "is",
    r"\bat the (most|least)\b": "at most, at least",
    r"\bso many\b": "a number",
    r"\b(thereof|thereby|therein|wherein|whence|hence|thus|henceforth|lest|whilst|hitherto)\b": "plain words",
    r"\bit is (done|made) so\b|\bis alike\b": "say it directly",
    r"\bthe whole road\b|\bsigns? of life\b|\bround in circles\b": "the technical term",
    r"\bthe books are read\b": "records are synced",
    r"\bwhat (waits|is due|needs you|is lacking|lacks)\b": "name the noun",
}
"""A pattern, and what to write in its place."""

_ANY = re.compile("|".join(PHRASES), re.IGNORECASE)

ALLOWED: dict[str, tuple[str, ...]] = {}
"""A file, and the lines (their text) in which a phrase is right, such as a quotation of somebody else's words."""


@dataclass(frozen=True)
class Finding:
    """A phrase in a text that people read."""

    path: Path
    line: int
    text: str
    advice: str

    def __str__(self) -> str:
        """Return the place, the line and the advice."""
        return f"{self.path}:{self.line}: {self.text.strip()}  [{self.advice}]"


def read_python(source: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of each line of a comment, docstring or message."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            for offset, line in enumerate(node.value.split("\n")):
                yield node.lineno + offset, line


def read_markdown(source: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of each line of prose."""
    in_block = False
    for number, line in enumerate(source.split("\n"), start=1):
        if line.lstrip().startswith("```"):
            in_block = not in_block
        elif not in_block:
            yield number, re.sub(r"`[^`]*`", "", line)


def find_phrases(path: Path) -> Iterator[Finding]:
    """Yield each phrase to mend in one file."""
    source = path.read_text(encoding="utf-8")
    lines = read_markdown(source) if path.suffix == ".md" else read_python(source)
    shown = path.resolve().relative_to(ROOT)
    allowed = ALLOWED.get(shown.as_posix(), ())
    for number, line in lines:
        if not _ANY.search(line):
            continue
        for pattern, advice in PHRASES.items():
            if re.search(pattern, line, re.IGNORECASE) and not any(each in line for each in allowed):
                yield Finding(shown, number, line, advice)


def list_files(paths: list[str]) -> list[Path]:
    """Return the files to read: those named, else the package and the documentation."""
    roots = [ROOT / each for each in paths or ("bizosaas_xero", "docs", "README.md", "CHANGELOG.md")]
    files = [file for root in roots for file in (root.rglob("*") if root.is_dir() else [root])]
    return sorted(file for file in files if file.suffix in {".py", ".md"})


def main(arguments: list[str]) -> int:
    """Print each phrase to mend; the exit code is 1 when there is one."""
    found = [each for path in list_files(arguments) for each in find_phrases(path)]
    sys.stdout.writelines(f"{each}\n" for each in found)
    sys.stderr.write(f"{len(found)} phrases to mend\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
