"""The browser's pages: Settings → Integrations, sync and approvals, over the embedded host's own functions.

They know no connector: what they show of one is in its ``describe()``. :func:`bizosaas_xero.web.app.create_app` makes
the ASGI application; ``bizosaas-xero web`` serves it, and a platform mounts it under a path of its own.
"""
