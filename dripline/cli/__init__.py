"""The commands: one file per command, and the options they share.

`command` is the base of all commands, which end with one line for every error; `options` are those that all have.
"""
