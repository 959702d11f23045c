"""What to say when another package took the place of `dripline/__init__.py`: which one, and what to do."""

from __future__ import annotations

import os

from dripline.discovery.distributions import Source, sources_of_replacement
from dripline.wire import reinstall

_INIT = os.path.join("dripline", "__init__.py")


def describe(culprit: str) -> tuple[str, str]:
    """Describe the problem and its remedy, each in one line.

    Args:
        culprit: The file that replaced ours, ours if it is missing, or the folder of a `namespace_packages` entry.
    """
    if os.path.basename(culprit) == "dripline":
        names = in_words(_declaring_namespace()) or "an installed package"
        return (
            f"{names} declares 'dripline' in namespace_packages, which creates an empty module of that name when "
            "Python starts; dripline ignores it",
            "remove namespace_packages from the setup.py of that package",
        )
    if not os.path.isfile(culprit):
        return (
            f"{culprit} is missing: a package that had replaced it was probably uninstalled; dripline works "
            "without it",
            reinstall(),
        )
    if not culprit.endswith(_INIT):
        return f"{culprit} has the name of the package 'dripline'; dripline ignores it", "rename it"
    names = in_words(sources_of_replacement(culprit))
    if not names:
        return (
            f"{culprit} comes before dripline on the import path; dripline ignores it",
            "delete that file: extension packages must not contain it",
        )
    return (
        f"{names} installed a dripline/__init__.py in place of dripline's own ({culprit}); dripline ignores it",
        "delete that file from the source of that package, and install both again",
    )


def in_words(sources: list[Source]) -> str:
    """Distributions with their versions, for a message."""
    return " and ".join(f"{source.distribution} {source.version}" for source in sources)


def _declaring_namespace() -> list[Source]:
    """The distributions that name `dripline` in the `namespace_packages` option of setuptools."""
    from importlib.metadata import distributions

    found = {}
    for distribution in distributions():
        declared = (distribution.read_text("namespace_packages.txt") or "").split()
        if "dripline" in declared:
            found[distribution.name] = Source(distribution.name, distribution.version)
    return [found[name] for name in sorted(found)]
