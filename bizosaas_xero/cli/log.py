"""Logging of the command: the logger tree ``bizosaas_xero`` on standard error, as text or JSON.

Loggers of libraries are left alone: httpx, for one, would log addresses that hold an authorisation code.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

LOGGER = "bizosaas_xero"
_STANDARD_ATTRIBUTES = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogLevel(StrEnum):
    """The least severe level that is shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


class TextFormatter(logging.Formatter):
    """One line a record: time, logger and message."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; control characters in it are made visible."""
        from bizosaas_xero.host.text import make_visible

        moment = datetime.fromtimestamp(record.created, UTC)
        line = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d} {record.name} {record.getMessage()}"
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return make_visible(line) + make_visible(trace, lines=True)


class JsonFormatter(logging.Formatter):
    """One JSON object a record: ``time``, ``level``, ``logger``, ``message``, and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_own_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _StderrHandler(logging.StreamHandler[Any]):
    """The handler of this command; there is at most one on the logger."""


def _own_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what was logged with ``extra``."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD_ATTRIBUTES}


def configure_logging(level: LogLevel | None, form: LogFormat = LogFormat.TEXT) -> None:
    """Show the loggers of this package from a level on; without a level, show nothing."""
    logger = logging.getLogger(LOGGER)
    for handler in [each for each in logger.handlers if isinstance(each, _StderrHandler)]:
        logger.removeHandler(handler)
    if level is None:
        logger.setLevel(logging.NOTSET)
        # Else Python's last resort prints warnings of libraries, such as each repeated request.
        logging.getLogger().addHandler(logging.NullHandler())
        return
    handler = _StderrHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form is LogFormat.JSON else TextFormatter())
    logger.addHandler(handler)
    logger.setLevel(level.upper())
