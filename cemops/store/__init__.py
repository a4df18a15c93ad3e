"""The store: plans, applies with each change, locks, and an audit trail that shows what was altered afterwards.

An SQLite file beside the estate file, or PostgreSQL for operators who share one. SQLAlchemy is imported by the modules
of this package at once, so import them where the store is used: `cemops plan` must start without them.
"""
