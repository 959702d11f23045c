"""Pumps; nothing is exported here, the entry point names a class."""
