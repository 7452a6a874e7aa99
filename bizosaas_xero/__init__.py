"""The Xero connector for BizOSaaS-style integration hosts.

A host finds the connector through the entry point ``xero`` in the group ``bizosaas.connectors``; its
target is :mod:`bizosaas_xero.plugin`. What host and connector promise each other is
:mod:`bizosaas_xero.spec`.
"""

__version__ = "0.1.0"
