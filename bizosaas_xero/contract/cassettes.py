"""Cassettes on disk: YAML files in a checkout, one archive in an installed wheel."""

from __future__ import annotations

import functools
import tarfile
import tempfile
from pathlib import Path, PurePath

ARCHIVE = "cassettes.tar.xz"
"""The archive's name, next to ``contract.toml``; ``cassettes/hatch_build.py`` makes it."""


def open_folder(folder: Path) -> Path:
    """Return the folder with a connector's cassettes as YAML files.

    Args:
        folder: Where ``contract.toml`` says that they are.

    Returns:
        The same folder; or, if they are packed there, a temporary folder that is removed when the process ends.
    """
    return Path(_unpack(folder).name) if (folder / ARCHIVE).is_file() else folder


@functools.cache
def _unpack(folder: Path) -> tempfile.TemporaryDirectory[str]:
    target = tempfile.TemporaryDirectory(prefix="bizosaas-cassettes-")
    with tarfile.open(folder / ARCHIVE, "r:xz") as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            if file is not None and PurePath(entry.name).name == entry.name:  # no entry can leave the folder
                (Path(target.name) / entry.name).write_bytes(file.read())
    return target
