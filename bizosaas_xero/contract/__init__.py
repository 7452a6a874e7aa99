"""The contract kit: whether a host may load a connector, and if not, which promise it breaks.

It knows no vendor: what it looks at is the connector that is named. Three doors lead to the same clauses:
the command ``bizosaas-xero contract NAME``, ``pytest --pyargs bizosaas_xero.contract --bizosaas-connector
NAME``, and :func:`check` for a host's admission gate.
"""

from bizosaas_xero.contract.report import Report, ReportRow, check

__all__ = ["Report", "ReportRow", "check"]
