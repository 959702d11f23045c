"""Implementation of the commands, without click."""
