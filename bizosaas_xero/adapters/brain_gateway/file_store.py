"""The bridge's store as files: one for each value, encrypted, in a folder that only its owner may read."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.stores import BaseStore, Key, key_id, new_version
from bizosaas_xero.host.storage.crypto import Keyring
from bizosaas_xero.host.storage.paths import FILE_MODE, prepare_folder


class FileStore(BaseStore):
    """Keeps values in a folder, for any number of processes of one machine.

    Args:
        folder: Made if it is not there. It must not be on a network drive: locks do not hold there.
        environ: Where ``BIZOSAAS_SECRET_KEY`` is looked up; without it, a key is made in ``secret.key`` of
            the folder.

    Raises:
        Misconfigured: if the folder or the key cannot be used, or the system has no file locks.
    """

    def __init__(self, folder: str | Path, *, environ: Mapping[str, str] = os.environ) -> None:
        try:
            import fcntl
        except ImportError:
            raise reasons.NO_FILE_LOCKS() from None
        self._flock, self._exclusive = fcntl.flock, fcntl.LOCK_EX
        self._folder = Path(folder)
        prepare_folder(self._folder)
        self._keys = Keyring.open(self._folder, environ, create=True)

    def _load(self, key: Key) -> tuple[str, str] | None:
        with _translate_errors(self._folder):
            try:
                sealed = self._path(key).read_text(encoding="ascii")
            except FileNotFoundError:
                return None
        content = json.loads(self._keys.decrypt(sealed))
        return json.dumps(content["value"]), content["version"]

    def _swap(self, key: Key, text: str | None, version: str | None) -> bool:
        with self._file_lock():
            kept = self._load(key)
            if (kept[1] if kept else None) != version:
                return False
            if text is None:
                self._path(key).unlink()
            else:
                content = {"key": key, "version": new_version(), "value": json.loads(text)}
                self._replace_file(self._path(key), self._keys.encrypt(json.dumps(content)).encode("ascii"))
            self._sync_folder()
        return True

    def _replace_file(self, path: Path, content: bytes) -> None:
        draft = self._folder / f".{secrets.token_hex(8)}"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        """Make a new or removed name durable: the file's own sync does not."""
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        with _translate_errors(self._folder):
            handle = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, FILE_MODE)
            try:
                self._flock(handle, self._exclusive)  # given back when it is closed, also by a kill
                yield
            finally:
                os.close(handle)

    def _path(self, key: Key) -> Path:
        return self._folder / f"{key_id(key)}.sealed"

    def __repr__(self) -> str:
        return f"FileStore({str(self._folder)!r})"


@contextmanager
def _translate_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise reasons.STORE_UNAVAILABLE(folder=folder, cause=error.strerror) from None
