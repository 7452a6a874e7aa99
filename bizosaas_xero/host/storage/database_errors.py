"""What an error of the database's own means for a person: tables of what went wrong and what to do."""

from __future__ import annotations

from bizosaas_xero.spec import ConnectorError, Misconfigured, Unavailable


def is_database_error(error: ConnectorError) -> bool:
    """Return whether an error comes from the host's database, not from a connector."""
    return error.reason.startswith("database_")


def sqlite_problem(error: BaseException, place: str, busy: float) -> ConnectorError | None:
    """Tell what SQLite's own error means, or ``None`` if it does not speak of the file's state."""
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return Misconfigured(
            f"Database {place} is corrupt or not a SQLite file.",
            remedy="Restore a backup, or move the file away and connect again: records will be synced again.",
            reason="database_damaged",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Unavailable(
            f"The database {place} is locked by another program for more than {busy:.0f} seconds.",
            remedy="Close the program that holds it (such as a database browser) and try again.",
            reason="database_locked",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return Misconfigured(
            f"The database {place} cannot be opened for writing.",
            remedy="Make the file and its folder writable for this user, or set BIZOSAAS_HOME to another.",
            reason="database_unwritable",
        )
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return Unavailable(
            f"The database {place} cannot be written: the disk is full or failing.",
            remedy="Free some space and try again. Nothing that was stored is lost.",
            reason="database_full",
        )
    return None


_AWAY = (
    "unreachable",
    "The database server cannot be reached or ended the connection ({place}).",
    "Check that it runs and that BIZOSAAS_DATABASE_URL is right, then try again. Nothing stored is lost.",
)
_FULL = (
    "full",
    "The database server cannot store more ({place}): its disk or its memory is full.",
    "Free some space there and try again. Nothing that was stored is lost.",
)
_LOCKED = (
    "locked",
    "Another program holds a lock in the database for too long ({place}).",
    "End it, then try again. Nothing that was stored is lost.",
)
_REFUSED = (
    "refused",
    "The database server refuses this user or does not have this database ({place}).",
    "Correct user, password and name in BIZOSAAS_DATABASE_URL, or create the database.",
)
_UNWRITABLE = (
    "unwritable",
    "The database may be read but not written by this user ({place}).",
    "Name the writable server in BIZOSAAS_DATABASE_URL, or let this user create and write tables.",
)

_BY_STATE = {
    "53100": _FULL,
    "53200": _FULL,
    "54": _FULL,
    "40P01": _LOCKED,
    "55P03": _LOCKED,
    "40001": _LOCKED,
    "28": _REFUSED,
    "3D000": _REFUSED,
    "3F000": _REFUSED,
    "25006": _UNWRITABLE,
    "42501": _UNWRITABLE,
    "08": _AWAY,
    "53300": _AWAY,
    "57P": _AWAY,
    "58": _AWAY,
}
"""By SQLSTATE, or the first part of it."""

_REFUSALS = ("password authentication failed", "no password supplied", "does not exist", "pg_hba.conf")
"""A refused connection has no SQLSTATE in psycopg, only the server's English words."""


def server_problem(error: BaseException, place: str, *, connected: bool) -> ConnectorError | None:
    """Tell what PostgreSQL's error means, or ``None`` if it does not speak of the database's state."""
    state = str(getattr(error, "sqlstate", None) or "")
    found = next((_BY_STATE[state[:n]] for n in (5, 3, 2) if state[:n] in _BY_STATE), None)
    names = {kind.__name__ for kind in type(error).__mro__}
    if found is None and not state and {"OperationalError", "InterfaceError"} & names:
        refused = not connected and any(words in str(error) for words in _REFUSALS)
        found = _REFUSED if refused else _AWAY
    if found is None:
        return None
    reason, message, remedy = found
    kind = Misconfigured if found in {_REFUSED, _UNWRITABLE} else Unavailable
    return kind(message.format(place=place), remedy=remedy, reason=f"database_{reason}")
