"""The commands: one file each, and what they share.

- `command`: a click command whose options stand anywhere, and which ends with one line for every error;
- `options`: the options that all commands have; `session`: from options to mesh settings and login;
- `logs`: what goes to standard error. Only results go to standard output.
"""
