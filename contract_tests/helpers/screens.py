"""A real browser: Debian's Chromium through Playwright, and axe-core on what it shows."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
SHOTS = os.environ.get("BIZOSAAS_SHOTS")
"""A folder into which every page that is checked is photographed."""

needs_chromium = pytest.mark.skipif(
    os.environ.get("REQUIRE_SERVICES") != "1" and not Path(CHROMIUM).exists(), reason="Chromium is not installed"
)

THIS_MACHINE = "EXCLUDE localhost, EXCLUDE 127.0.0.1"

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextlib.contextmanager
def open_browser() -> Iterator:
    """Open Chromium without a screen; nothing but this machine is reached."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-dev-shm-usage", f"--host-resolver-rules=MAP * ~NOTFOUND, {THIS_MACHINE}"],
        )
        yield browser
        browser.close()


class Screen:
    """One tab that counts what a person does, and hears what goes wrong."""

    def __init__(self, browser, **context) -> None:
        self.context = browser.new_context(bypass_csp=False, **context)
        self.page = self.context.new_page()
        self.steps: list[str] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def click(self, role: str, name: str) -> None:
        """Click what a person would, by its role and name."""
        self.steps.append(f"click {name}")
        self.page.get_by_role(role, name=name).first.click()

    def fill(self, label: str, value: str) -> None:
        """Fill in a field, by its label."""
        self.steps.append(f"fill {label}")
        self.page.get_by_label(label).fill(value)

    def check(self, name: str) -> None:
        """Look at a page in both themes and at two widths: no violation, nothing wider than the screen."""
        self.page.wait_for_load_state("load")  # a page is wider while its stylesheet is still on its way
        for theme in ("light", "dark"):
            self.page.emulate_media(color_scheme=theme)
            for width in (360, 1280):
                self.page.set_viewport_size({"width": width, "height": 800})
                wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide <= 0, f"{name} is {wide} pixels wider than {width}"
                if SHOTS:
                    self.page.screenshot(path=f"{SHOTS}/{name}-{width}-{theme}.png", full_page=True)
                    self.page.screenshot(path=f"{SHOTS}/{name}-{width}-{theme}-top.png")
            violations = self.find_violations()
            assert not violations, f"{name}, {theme}: {violations}"

    def find_violations(self) -> list[str]:
        """Return what axe-core finds; the page's own policy lets no script in, so it is run from outside."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("tags => axe.run({runOnly: tags})", AXE_TAGS)
        return [
            f"{each['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
            for each in found["violations"]
            for node in each["nodes"]
        ]
