"""The key with which grants and app secrets are encrypted in the database."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage.paths import FILE_MODE, prepare_folder, sync_folder

VARIABLE = "BIZOSAAS_SECRET_KEY"
FILE = "secret.key"


class Keyring:
    """Encrypts with the newest key and decrypts with any: that is how a key is rotated."""

    def __init__(self, keys: list[str], source: str) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise reasons.BAD_SECRET_KEY(source=source) from None
        self.source = source
        self._keys = keys

    def reveal(self) -> str:
        """Return the keys as the key file holds them, newest first."""
        return "\n".join(self._keys)

    @classmethod
    def open(cls, home: Path, environ: Mapping[str, str], *, create: bool) -> Keyring:
        """Take the keys from ``BIZOSAAS_SECRET_KEY`` (newest first), else from ``secret.key`` in ``home``.

        Args:
            home: The host's folder.
            environ: The environment.
            create: Make the file if there is none. Never do so for a database that is already encrypted.

        Raises:
            Misconfigured: if the key is missing, unreadable or malformed.
        """
        given = [key.strip() for key in environ.get(VARIABLE, "").split(",") if key.strip()]
        if given:
            return cls(given, VARIABLE)
        path = home / FILE
        try:
            if create and not path.exists():
                _create(path)
            return cls(path.read_text(encoding="ascii").split(), str(path))
        except FileNotFoundError:
            raise reasons.SECRET_KEY_MISSING(path=path) from None
        except (OSError, UnicodeDecodeError) as error:
            raise reasons.SECRET_KEY_UNREADABLE(path=path, cause=type(error).__name__) from None

    def encrypt(self, text: str) -> str:
        """Encrypt a text with the newest key."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def decrypt(self, token: str) -> str:
        """Decrypt a text.

        Raises:
            Misconfigured: if it was encrypted with a key that is not here.
        """
        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken:
            raise reasons.WRONG_SECRET_KEY(source=self.source) from None


def add_keys(home: Path, keys: str) -> None:
    """Put keys before those of the key file, so that both decrypt; the file is replaced in one step."""
    path = home / FILE
    before = path.read_text(encoding="ascii").split() if path.exists() else []
    draft = path.with_name(f".{FILE}.{secrets.token_hex(8)}")
    prepare_folder(home)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write("\n".join(dict.fromkeys([*keys.split(), *before])))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(home)


def _create(path: Path) -> None:
    """Write a new key so that no reader ever sees half of it, and no second writer replaces it."""
    prepare_folder(path.parent)
    draft = path.with_name(f".{FILE}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first; its key is as good
            os.link(draft, path)
        sync_folder(path.parent)
    finally:
        draft.unlink()
