"""Draw the pictures of boxes and arrows: ``python -m contract_tests.docs.drawings``."""

from __future__ import annotations

from html import escape

from contract_tests.docs.pages import DOCS

WIDE, HIGH, GAP, EDGE = 164, 84, 72, 16
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2933}.t{font-weight:600;font-size:14px}.s{fill:#52606d}"
    "rect{fill:#f5f7fa;stroke:#7b8794;rx:8}.us{fill:#e3f8ff;stroke:#0b69a3}"
    "path{stroke:#52606d;fill:none;stroke-width:1.5}"
)

ARROW = (
    '<defs><marker id="a" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
    '<path d="M0 0 8 4 0 8z" style="fill:#52606d;stroke:none"/></marker></defs>'
)

Box = tuple[str, tuple[str, ...], bool]
"""Title, lines, and whether it is of this package."""

PICTURES: dict[str, tuple[str, list[Box], list[str]]] = {
    "parts": (
        "A person or an agent asks the host; the host calls the connector's hooks; the connector asks Xero.",
        [
            ("People, agents", ("command line, portal,", "MCP, tools"), False),
            ("Host", ("grants, tables, policy,", "approvals, audit"), True),
            ("Connector", ("auth, sync_entity,", "run_action, …"), True),
            ("Xero", ("or the sandbox", "on your machine"), False),
        ],
        ["", "five hooks", "HTTPS"],
    ),
    "write": (
        "A write is asked for, planned, judged by the policy, approved by a person, and committed once.",
        [
            ("Ask", ("an agent, with", "a business key"), False),
            ("Plan", ("every request, effect,", "warnings; a hash"), True),
            ("Policy", ("runs by itself,", "a person, or never"), True),
            ("Approve", ("a person says yes", "to that very hash"), False),
            ("Commit", ("the same plan, once;", "stale if changed"), True),
        ],
        ["", "", "a person", "the hash"],
    ),
}


def _text(kind: str, middle: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{middle:g}" y="{y:g}" text-anchor="middle">{escape(text)}</text>'


def drawn(name: str) -> str:
    """Return a picture as SVG: boxes from left to right, with a word above each arrow."""
    title, boxes, words = PICTURES[name]
    width = 2 * EDGE + len(boxes) * WIDE + (len(boxes) - 1) * GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HIGH + 2 * EDGE}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        ARROW,
        f'<rect width="{width}" height="{HIGH + 2 * EDGE}" style="fill:#fff;stroke:none"/>',
    ]
    for number, (head, lines, ours) in enumerate(boxes):
        left = EDGE + number * (WIDE + GAP)
        kind = ' class="us"' if ours else ""
        parts.append(f'<rect x="{left}" y="{EDGE}" width="{WIDE}" height="{HIGH}"{kind}/>')
        parts.append(_text("t", left + WIDE / 2, EDGE + 26, head))
        parts += [_text("s", left + WIDE / 2, EDGE + 48 + 18 * row, line) for row, line in enumerate(lines)]
        if number:
            y = EDGE + HIGH // 2
            parts.append(f'<path d="M{left - GAP + 4} {y}H{left - 4}" marker-end="url(#a)"/>')
            parts.append(_text("s", left - GAP / 2, y - 8, words[number - 1]))
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    for each in PICTURES:
        (DOCS / "pictures" / f"{each}.svg").write_text(drawn(each), encoding="utf-8")
