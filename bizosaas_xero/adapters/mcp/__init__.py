"""Actions and synced tables for agents over the Model Context Protocol, on top of the embedded host."""
