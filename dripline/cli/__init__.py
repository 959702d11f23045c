"""The commands: one file each, and what they share.

`command` is the base of all commands, which end with one line for every error; `options` are those that all have.
"""
