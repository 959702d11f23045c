"""Rows on their way into a database: in batches, on disk while it is away, none twice, none lost without a word.

Nothing in here knows of messages or brokers. A row comes with a *token*; it is given back when the row is in the
database, on disk, or among the refused.
"""
