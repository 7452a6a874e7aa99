"""Actions: what an agent or a person may ask for. One module an action, or a few of one kind.

:mod:`~bizosaas_xero.actions.base` says what an action is, :mod:`~bizosaas_xero.actions.books` is the
organisation as an action sees it, :mod:`~bizosaas_xero.actions.catalogue` lists and runs them. What several
of them share lies in packages: ``reports`` and ``bank``; and for those that write ``writes``, ``invoicing``
and ``payments``.
"""
