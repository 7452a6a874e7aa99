"""What is wrong with a database server, for a person: each server's dialect maps its error codes to these."""

from __future__ import annotations

from bizosaas_xero.spec import ConnectorError, Misconfigured, Unavailable


def is_database_error(error: ConnectorError) -> bool:
    """Return whether an error comes from the host's database, not from a connector."""
    return error.reason.startswith("database_")


def server_unreachable(place: str) -> Unavailable:
    """It is away, or ended the connection."""
    return Unavailable(
        f"The database server cannot be reached or ended the connection ({place}).",
        remedy="Check that it runs and that BIZOSAAS_DATABASE_URL is right, then try again. Nothing stored is lost.",
        reason="database_unreachable",
    )


def server_full(place: str) -> Unavailable:
    """Its disk or memory is full."""
    return Unavailable(
        f"The database server cannot store more ({place}): its disk or its memory is full.",
        remedy="Free some space there and try again. Nothing that was stored is lost.",
        reason="database_full",
    )


def server_locked(place: str) -> Unavailable:
    """A lock was waited for too long."""
    return Unavailable(
        f"Another program holds a lock in the database for too long ({place}).",
        remedy="End it, then try again. Nothing that was stored is lost.",
        reason="database_locked",
    )


def server_refused(place: str) -> Misconfigured:
    """User, password or database are wrong."""
    return Misconfigured(
        f"The database server refuses this user or does not have this database ({place}).",
        remedy="Correct user, password and name in BIZOSAAS_DATABASE_URL, or create the database.",
        reason="database_refused",
    )


def server_unwritable(place: str) -> Misconfigured:
    """The server or the user may only read."""
    return Misconfigured(
        f"The database may be read but not written by this user ({place}).",
        remedy="Name the writable server in BIZOSAAS_DATABASE_URL, or let this user create and write tables.",
        reason="database_unwritable",
    )
