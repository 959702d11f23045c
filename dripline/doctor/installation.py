"""Examines the Python installation: other copies of dripline on `sys.path`, replaced or missing files."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import warnings
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions, version
from importlib.util import find_spec

import dripline
from dripline import package_setup, wire
from dripline.doctor.report import FindingRecorder
from dripline.wire import VERSION, reinstall

_EXTRAS = {
    "serial": ("serial",),
    "visa": ("pyvisa",),
    "sql": ("sqlalchemy",),
    "postgres": ("sqlalchemy", "psycopg"),
    "http": ("aiohttp",),
    "testing": ("pytest",),
}
# What our scarab names in its `__init__.py`: another program of that name may have been installed over it.
_OF_OUR_SCARAB = ("ParamNode", "VersionSemantic", "Authentication")
_EXTENSION_LIMIT_S = 5.0
_SHOWN = 3


def examine_installation(record: FindingRecorder) -> bool:
    """Look at Python, dripline, and the packages that must be ours.

    Args:
        record: where the findings go.

    Returns:
        Whether anything else can be examined.
    """
    record.ok(
        f"Python {platform.python_version()}, dripline {VERSION} from {short(our_folder())}",
        python=platform.python_version(),
        dripline=VERSION,
        executable=sys.executable,
        folder=our_folder(),
    )
    if getattr(dripline, "__file__", None) is None:
        _record_hidden(record)
        return False
    _look_for_other_driplines(record)
    scarab_is_ours = look_at_scarab(record)
    _look_at_binding_module(record)
    if scarab_is_ours:
        _look_at_installed_files(record)
        look_at_pkg_resources(record)
        _record_extras(record)
    return scarab_is_ours


def our_folder() -> str:
    """The folder in which dripline, scarab and _dripline lie."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(wire.__file__))))


def short(path: str) -> str:
    """A path as people read it, from their home on."""
    home = os.path.join(os.path.expanduser("~"), "")
    return os.path.join("~", path.removeprefix(home)) if path.startswith(home) else path


# -- packages that must be ours ------------------------------------------------------------------------------


def _record_hidden(record: FindingRecorder) -> None:
    """A folder without `__init__.py` counts for less than a package, unless that is installed with -e."""
    folders = [folder for folder in map(os.path.realpath, dripline.__path__) if folder != _folder_of("dripline")]
    named = " and ".join(map(short, folders)) or "another folder"
    record.broken(
        f"the package 'dripline' is hidden by {named}, which comes before it on the import path",
        "pip install the extension that lies there, instead of PYTHONPATH; or install dripline without -e",
        folders=folders,
    )


def look_at_scarab(record: FindingRecorder) -> bool:
    """Tell when `scarab` is another program; whether it is ours."""
    found = _file_of("scarab")
    if found == _our_file("scarab"):
        if _is_our_scarab(found):
            return True
        record.broken(
            f"scarab at {short(found)} was overwritten by another program of that name",
            f"pip uninstall scarab, then {reinstall()}",
        )
        return False
    _record_foreign(record, "scarab", found)
    return False


def _look_at_binding_module(record: FindingRecorder) -> None:
    found = _file_of("_dripline")
    # With an installed dripline beside a checkout, Python has imported the installed one's at its start.
    is_of_another_dripline = os.path.exists(os.path.join(os.path.dirname(found), "import_guard.py"))
    if found != _our_file("_dripline") and not is_of_another_dripline:
        _record_foreign(record, "_dripline", found)


def _record_foreign(record: FindingRecorder, name: str, found: str) -> None:
    if not found:
        record.broken(
            f"the package {name!r} is missing, which comes with dripline",
            reinstall(),
        )
        return
    record.broken(
        f"{name!r} is imported from {short(found)}, which is another program; ours is in {short(our_folder())}",
        _remedy_for(name, found),
        file=found,
    )


def _remedy_for(name: str, found: str) -> str:
    folder = _entry_of(found)
    named = [os.path.realpath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if folder in named:
        return f"take {short(folder)} out of PYTHONPATH"
    if _our_file(name).startswith(os.path.join(folder, "")) or "site-packages" in folder:
        return f"pip uninstall {name}, then {reinstall()}"
    return f"rename or remove {short(found)}"


def _entry_of(file: str) -> str:
    """The folder of the import path in which a module or a package lies."""
    folder = os.path.dirname(file)
    is_package = os.path.basename(file).startswith("__init__.")
    return os.path.realpath(os.path.dirname(folder) if is_package else folder)


def _file_of(name: str) -> str:
    """The file that is imported under a name; its folder when there is none, empty when there is nothing."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # ValueError: something imported already that has no spec
        return ""
    if spec is None:
        return ""
    if spec.origin:
        return os.path.realpath(spec.origin)
    return os.path.realpath(next(iter(spec.submodule_search_locations or []), ""))


def _folder_of(name: str) -> str:
    return os.path.join(our_folder(), name)


def _our_file(name: str) -> str:
    return os.path.join(_folder_of(name), "__init__.py")


def _is_our_scarab(file: str) -> bool:
    with open(file, encoding="utf-8", errors="replace") as source:
        text = source.read()
    return all(word in text for word in _OF_OUR_SCARAB)


def _look_for_other_driplines(record: FindingRecorder) -> None:
    """Tell each that would be imported if the import path had another order."""
    ours = _our_file("dripline")
    entries = dict.fromkeys(os.path.realpath(entry or os.curdir) for entry in sys.path)
    for entry in entries:
        file = os.path.join(entry, "dripline", "__init__.py")
        if os.path.isfile(file) and os.path.realpath(file) not in (ours, os.path.realpath(package_setup.culprit)):
            record.warning(
                f"there is another dripline/__init__.py in {short(entry)}; which one is imported depends on the "
                "order of the import path",
                f"rename or remove {short(file)}, or pip uninstall the package that brought it",
                file=file,
            )
    _compare_with_pip(record)


def _compare_with_pip(record: FindingRecorder) -> None:
    try:
        installed = version("dripline")
    except PackageNotFoundError:
        return  # run from its source
    if installed != VERSION:
        record.warning(
            f"pip knows dripline {installed}, but {VERSION} is imported from {short(our_folder())}",
            f"{reinstall()}, in this environment",
        )


# -- installed files ------------------------------------------------------------------------------------------


def _look_at_installed_files(record: FindingRecorder) -> None:
    """Report files that another package replaced, will delete, or has deleted."""
    from dripline.discovery.distributions import describe_replacement

    if package_setup.culprit:
        record.warning(*describe_replacement(package_setup.culprit))
    try:
        ours = distribution("dripline")
    except PackageNotFoundError:  # run from its source
        return
    hashes = _hashes(ours)
    _report_missing(record, ours, hashes)
    for other in distributions():
        # By name: what an old setuptools installed has no hashes.
        shared = hashes.keys() & set(map(str, other.files or ())) if other.name != ours.name else ()
        if shared:
            record.warning(
                f"{other.name} {other.version} contains files of dripline ({_some(shared)}), and uninstalling it "
                "deletes them",
                "delete them from the source of that package, and install both again",
                files=sorted(shared),
            )


def _report_missing(record: FindingRecorder, ours: Distribution, hashes: dict[str, str]) -> None:
    from dripline.discovery.distributions import file_hash

    now = {name: file_hash(str(ours.locate_file(name))) for name in hashes}
    if package_setup.culprit:
        now["dripline/__init__.py"] = hashes.get("dripline/__init__.py", "")  # reported already
    changed = [name for name in hashes if now[name] != hashes[name]]
    if changed:
        record.warning(
            f"files of dripline were changed or deleted after the installation: {_some(changed)}",
            reinstall(),
            files=sorted(changed),
        )


def _hashes(one: Distribution) -> dict[str, str]:
    """Hash by path of the modules and data that a distribution installed."""
    return {str(file): f"{file.hash.mode}={file.hash.value}" for file in one.files or () if file.hash}


def _some(names: Iterable[str]) -> str:
    first = sorted(names)
    more = f" and {len(first) - _SHOWN} more" if len(first) > _SHOWN else ""
    return ", ".join(first[:_SHOWN]) + more


# -- what extensions and some classes need -------------------------------------------------------------------


def look_at_pkg_resources(record: FindingRecorder) -> None:
    """Tell when extensions cannot import `pkg_resources`, be it ours."""
    from dripline.discovery.namespace_package import offer_pkg_resources

    offer_pkg_resources()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is deprecated is nothing a user can change
            importlib.import_module("pkg_resources")
    except Exception as error:  # noqa: BLE001  # an old one fails in many ways on a new Python
        record.warning(
            f"pkg_resources cannot be imported ({type(error).__name__}: {error}); extensions that ask it fail",
            "pip install --upgrade setuptools",
        )


def _record_extras(record: FindingRecorder) -> None:
    there = [extra for extra, modules in _EXTRAS.items() if all(_file_of(module) for module in modules)]
    missing = [extra for extra in _EXTRAS if extra not in there]
    text = f"extras: {', '.join(there) or 'none'}"
    if missing:
        text += f"; not installed, and needed by some classes: {', '.join(missing)}"
    record.ok(text, extras=there, extras_missing=missing)


def examine_extensions(record: FindingRecorder) -> None:
    """Import the extensions, in a process of their own, and tell those that fail."""
    from dripline.discovery.class_finder import class_finder
    from dripline.discovery.inventory import BROKEN, DISABLED, take_inventory

    finder = class_finder()
    listed = take_inventory(finder, _EXTENSION_LIMIT_S)
    for name in finder.disabled.unknown(finder.index.extensions):
        record.warning(f"DRIPLINE_DISABLE_EXTENSIONS: no extension {name!r} is installed", "dl extensions")
    for one in listed:
        if one.state == BROKEN:
            record.warning(f"extension {one.extension} fails: {one.reason}", "dl extensions -v")
    works = [one.extension.name for one in listed if one.state not in (BROKEN, DISABLED)]
    off = [one.extension.name for one in listed if one.state == DISABLED]
    if listed:
        disabled = f"; disabled: {', '.join(off)}" if off else ""
        record.ok(f"extensions that work: {', '.join(works) or 'none'}{disabled}", extensions=works, disabled=off)
