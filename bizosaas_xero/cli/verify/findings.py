"""What ``verify`` found: a value for each assumption, the page that a person can send us, and the file of facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bizosaas_xero import __version__
from bizosaas_xero.sandbox.register import register
from bizosaas_xero.sandbox.switches import EVENT, READING, WRITING, Switches

_NOT_SEEN = {
    READING: "the organisation has nothing that shows it, or the sign-in may not read it",
    WRITING: "only a write shows it: verify --write, on a Demo Company",
    EVENT: "it shows only when it happens",
}


@dataclass
class Findings:
    """The assumptions that were decided.

    Attributes:
        switches: The true choice of each switch that was seen.
        strange: Switches whose answer fits none of the choices, with what came.
        seen: What else was seen, by name: counts, statuses and words of Xero, nothing of the books.
    """

    switches: dict[str, Any] = field(default_factory=dict)
    strange: dict[str, str] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def decide(self, name: str, value: Any) -> None:
        """Note the choice of a switch; a value that is not among them is strange."""
        if value in Switches().choices()[name]:
            self.switches[name] = value
        else:
            self.strange[name] = str(value)

    def facts(self) -> dict[str, Any]:
        """Return what ``sandbox --facts`` reads."""
        return {"version": 1, "bizosaas_xero": __version__, "switches": self.switches, "seen": self.seen}

    def unseen(self) -> dict[str, str]:
        """Return the switches that were not decided, and why."""
        fields = Switches.__dataclass_fields__
        return {
            name: _NOT_SEEN[spec.metadata["shows"]]
            for name, spec in fields.items()
            if name not in self.switches and name not in self.strange
        }

    def page(self, calls: int) -> str:
        """Return the page, as Markdown: no secret, no id, no name and no amount of the books."""
        lines = ["# What Xero does here", "", f"bizosaas-xero {__version__}, {calls} calls.", "", "## Decided", ""]
        fields, usual = Switches.__dataclass_fields__, Switches().settings()
        for name, value in sorted(self.switches.items()):
            mark = "" if value == usual[name] else " **(otherwise)**"
            lines.append(f"- `{name}` is `{value}`{mark}: {fields[name].metadata['choices'][value]}.")
        if self.strange:
            lines += ["", "## Like nothing we know", ""]
            lines += [f"- `{name}`: {what}" for name, what in sorted(self.strange.items())]
        lines += ["", "## Seen", ""]
        lines += [f"- {name}: {_as_text(value)}" for name, value in sorted(self.seen.items())]
        lines += ["", "## Not seen", ""]
        lines += [f"- `{name}`: {why}." for name, why in sorted(self.unseen().items())]
        for row in register():
            if not row.otherwise and row.name not in self.seen and row.shows != READING:
                lines.append(f"- {row.name}: {_NOT_SEEN[row.shows]}.")
        return "\n".join(lines) + "\n"


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
