"""Checking configurations against the classes they name, without making any object of them.

- `check_configuration` tells everything that is wrong with one; `check_files` does so with files.
- `arguments_of` tells what a class takes, through all its bases.
- `schema` is the same as a JSON Schema, for editors.
"""

from dripline.checking.arguments import MISSING, Argument, arguments_of
from dripline.checking.configuration_check import check_configuration
from dripline.checking.file_check import check_assembly, check_files
from dripline.checking.findings import Findings

__all__ = [
    "MISSING",
    "Argument",
    "Findings",
    "arguments_of",
    "check_assembly",
    "check_configuration",
    "check_files",
]
