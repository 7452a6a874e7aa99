"""Build hook of the wheel: it packs the cassettes into one small archive.

It only reads files: the package and its dependencies are not imported, so that a build needs nothing but hatchling.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CASSETTES = "cassettes/xero"
ARCHIVE = "cassettes.tar.xz"
"""The name that ``bizosaas_xero.contract.cassettes`` looks for next to ``contract.toml``."""


class CassetteHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds ``contract.toml`` and the packed cassettes to the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Pack the cassettes; an editable installation uses the files of the checkout."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="bizosaas-build-")
        source = Path(self.root) / CASSETTES
        archive = Path(self._folder.name) / ARCHIVE
        archive.write_bytes(pack(source))
        target = f"bizosaas_xero/{CASSETTES}"
        build_data["force_include"][str(archive)] = f"{target}/{ARCHIVE}"
        build_data["force_include"][str(source / "contract.toml")] = f"{target}/contract.toml"

    def finalize(self, version: str, _build_data: dict[str, Any], _artifact: str) -> None:
        """Remove the temporary archive."""
        if version != "editable":
            self._folder.cleanup()


def pack(folder: Path) -> bytes:
    """Return the cassettes of a folder as an archive; the same files give the same bytes."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:xz", format=tarfile.PAX_FORMAT, preset=9) as archive:
        for path in sorted(folder.glob("*.yaml")):
            content = path.read_bytes()
            entry = tarfile.TarInfo(path.name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()
