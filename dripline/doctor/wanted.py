"""What is to be examined, as the command line says it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dripline.programs.common_options import CommonOptions

_FILES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Wanted:
    """What is to be examined.

    Attributes:
        services: names of services that must be there.
        files: configurations to check; services that may be there.
        common: the common options.
        timeout_s: longest wait for each answer.
        busy_limit_s: how long a service may be busy with one request.
    """

    services: list[str]
    files: list[str]
    common: CommonOptions
    timeout_s: float
    busy_limit_s: float

    @classmethod
    def of(cls, words: Sequence[str], common: CommonOptions, timeout_s: float, busy_limit_s: float) -> Wanted:
        """Tell the files from the services, and let the first file name the mesh if nothing else does."""
        unique = list(dict.fromkeys(words))
        files = [word for word in unique if is_file(word)]
        services = [word for word in unique if not is_file(word)]
        if files and common.config is None:
            common = replace(common, config=files[0])
        return cls(services, files, common, timeout_s, busy_limit_s)


def is_file(word: str) -> bool:
    """Whether a word of the command line names a file, be it one that is missing."""
    return word.lower().endswith(_FILES) or os.sep in word or os.path.isfile(word)
