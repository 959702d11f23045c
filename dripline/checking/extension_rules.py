"""Rules in a configuration for extensions and their distributions: disabled ones, required versions.

In the environment `DRIPLINE_DISABLE_EXTENSIONS=pumps,lab-old`, or `*` for all; in a service's configuration:

    extensions:
      disable: [pumps]
      requires:
        lab-heating: '>=1.2,<2'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dripline.config.diagnostics import Diagnostics, error, warning
from dripline.config.suggest import did_you_mean
from dripline.discovery.class_finder import ClassFinder
from dripline.discovery.index import KEY, Disabled
from dripline.wire.safe_text import safe_text

_BY_CONFIGURATION = "'extensions: disable' of the configuration"

# What PyPA's specification of names allows.
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def apply_rules(configuration: Mapping[str, Any], finder: ClassFinder) -> Diagnostics:
    """Disable the extensions that a configuration and the environment disable, and check what it requires.

    Returns:
        What is wrong, with paths of keys instead of places.
    """
    found = Diagnostics()
    rules = configuration.get(KEY)
    finder.disabled = Disabled.by_environment()
    if rules is None:
        return found
    if not isinstance(rules, Mapping):
        found.append(error(f"must be a mapping with 'disable' and 'requires', not {rules!r}", KEY))
        return found
    for key in set(rules) - {"disable", "requires"}:
        remedy = did_you_mean(str(key), ["disable", "requires"]) or "; known: disable, requires"
        found.append(error(f"unknown key {key!r}{remedy}", KEY, key))
    _disable(rules.get("disable"), finder, found)
    _require(rules.get("requires"), finder, found)
    return found


def _disable(names: Any, finder: ClassFinder, found: Diagnostics) -> None:
    names = [names] if isinstance(names, str) else names
    if names is None:
        return
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        found.append(error(f"'disable' must be a list of names, not {names!r}", KEY, "disable"))
        return
    wanted = Disabled(dict.fromkeys(names, _BY_CONFIGURATION))
    finder.disabled = Disabled({**finder.disabled.names, **wanted.names})
    known = {extension.name for extension in finder.index.extensions}
    for name in wanted.unknown(finder.index.extensions):
        text = f"no extension {name!r} is installed{did_you_mean(name, known)}"
        found.append(warning(text, KEY, "disable", names.index(name)))


def _require(wanted: Any, finder: ClassFinder, found: Diagnostics) -> None:
    texts: dict[str | int, str] = {}
    if isinstance(wanted, Mapping):
        for name, versions in wanted.items():
            texts[name] = lacking(_distribution_of(str(name), finder), versions)
    elif isinstance(wanted, list):
        for number, text in enumerate(wanted):
            texts[number] = _lacking_by_text(text, finder)
    elif wanted is not None:
        text = f"'requires' must be a mapping such as {{lab-heating: '>=1.2'}}, not {wanted!r}"
        found.append(error(text, KEY, "requires"))
    found += [error(safe_text(text), KEY, "requires", key) for key, text in texts.items() if text]


def _distribution_of(name: str, finder: ClassFinder) -> str:
    """The distribution that a name means: an installed one's, or that of the extension of this name.

    Nobody should be told to install whatever else has an extension's name on a package index.
    """
    if _installed_version(name):
        return name
    sources = (extension.source.distribution for extension in finder.index.named(name))
    return next((distribution for distribution in sources if distribution), name)


def _installed_version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution) if _NAME.fullmatch(distribution) else ""
    except PackageNotFoundError:
        return ""


def _lacking_by_text(text: Any, finder: ClassFinder) -> str:
    from packaging.requirements import InvalidRequirement, Requirement  # few configurations require anything

    try:
        requirement = Requirement(text if isinstance(text, str) else "")
    except InvalidRequirement:
        return f"{text!r} is no requirement; write it as 'lab-heating>=1.2'"
    return lacking(_distribution_of(requirement.name, finder), str(requirement.specifier))


def lacking(distribution: str, versions: Any) -> str:
    """Compare what is required with what is installed.

    Args:
        distribution: the name that `pip install` takes.
        versions: which versions will do, such as `>=1.2,<2`; `*`, an empty text or None for any.

    Returns:
        What is wrong in one line; empty if nothing is.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = "" if versions in (None, "*") else str(versions)
    if not _NAME.fullmatch(distribution):
        return f"{distribution!r} is no name of a distribution"
    try:
        wanted = SpecifierSet(text)
    except InvalidSpecifier:
        return f"{versions!r} is no range of versions; write '>={versions}' or '=={versions}'"
    need = distribution + "".join(text.split())
    installed = _installed_version(distribution)
    if not installed:
        return f"{need} is required and not installed; pip install {need!r}"
    if wanted.contains(installed, prereleases=True):
        return ""
    return f"{need} is required, {installed} is installed; pip install {need!r}"
