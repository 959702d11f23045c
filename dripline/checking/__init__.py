"""Checking configurations against the classes they name, without making any object of them.

- `check_configuration` reports every problem in one, `check_files` in files.
- `arguments_of` tells what a class takes, through all its bases.
- `schema` is the same as a JSON Schema, for editors.
"""

from dripline.checking.arguments import MISSING, Argument, arguments_of
from dripline.checking.configuration_check import check_configuration
from dripline.checking.file_check import check_files, check_loaded

__all__ = [
    "MISSING",
    "Argument",
    "arguments_of",
    "check_configuration",
    "check_files",
    "check_loaded",
]
