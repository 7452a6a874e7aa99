"""Where the embedded host keeps its files: one folder that only its owner may read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_data_dir

from bizosaas_xero.host import reasons

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def home_folder(environ: Mapping[str, str]) -> Path:
    """Return ``BIZOSAAS_HOME``, or the platform's folder for an application's data."""
    return Path(environ.get("BIZOSAAS_HOME") or user_data_dir("bizosaas")).expanduser()


def database_url(home: Path, environ: Mapping[str, str]) -> str:
    """Return ``BIZOSAAS_DATABASE_URL``, or SQLite in the home folder."""
    return environ.get("BIZOSAAS_DATABASE_URL") or f"sqlite:///{home / 'bizosaas.db'}"


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, so that a power cut cannot take a file that was just made there."""
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def prepare_folder(folder: Path) -> None:
    """Create the folder and what is missing above it, for their owner alone; what exists keeps its mode.

    Raises:
        Misconfigured: if it cannot be created.
    """
    try:
        for part in (*reversed(folder.parents), folder):  # mkdir gives its parents the umask's mode
            part.mkdir(mode=FOLDER_MODE, exist_ok=True)
    except OSError as error:
        raise reasons.HOME_UNUSABLE(folder=folder, cause=error.strerror) from None
