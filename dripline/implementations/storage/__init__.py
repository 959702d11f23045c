"""Writes rows to a database: in batches, through a spool if it is unavailable, without duplicates.

Nothing in here knows of messages or brokers. A row comes with a *token*; it is given back when the row is in the
database, on disk, or among the refused.
"""
