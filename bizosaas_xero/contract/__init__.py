"""The contract kit: checks whether a host may load a connector, and if not, which clause it breaks.

It contains nothing about a provider: it checks the connector that is named. There are three ways to run its clauses:
the command ``bizosaas-xero contract NAME``, ``pytest --pyargs bizosaas_xero.contract --bizosaas-connector
NAME``, and :func:`check` for a host's admission gate.
"""

from bizosaas_xero.contract.report import Report, ReportRow, check

__all__ = ["Report", "ReportRow", "check"]
