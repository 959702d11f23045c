"""Whether the files that pip installed for dripline are still there, and belong to dripline alone."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions

from dripline import package_setup
from dripline.discovery.distributions import describe_replacement, file_hash
from dripline.doctor.report import Notes

_SHOWN = 3


def look_at_installed_files(notes: Notes) -> None:
    """Report files that another package replaced, will delete, or has deleted."""
    if package_setup.culprit:
        notes.warning(*describe_replacement(package_setup.culprit))
    try:
        ours = distribution("dripline")
    except PackageNotFoundError:  # run from its source
        return
    hashes = _hashes(ours)
    _report_missing(notes, ours, hashes)
    for other in distributions():
        # By name: what an old setuptools installed has no hashes.
        shared = hashes.keys() & set(map(str, other.files or ())) if other.name != ours.name else ()
        if shared:
            notes.warning(
                f"{other.name} {other.version} contains files of dripline ({_list(shared)}), and uninstalling it "
                "deletes them",
                "delete them from the source of that package, and install both again",
                files=sorted(shared),
            )


def _report_missing(notes: Notes, ours: Distribution, hashes: dict[str, str]) -> None:
    from dripline.wire import reinstall  # needs scarab, which may be another program

    now = {name: file_hash(str(ours.locate_file(name))) for name in hashes}
    if package_setup.culprit:
        now["dripline/__init__.py"] = hashes.get("dripline/__init__.py", "")  # reported already
    changed = [name for name in hashes if now[name] != hashes[name]]
    if changed:
        notes.warning(
            f"files of dripline were changed or deleted after the installation: {_list(changed)}",
            reinstall(),
            files=sorted(changed),
        )


def _hashes(one: Distribution) -> dict[str, str]:
    """Hash by path of the modules and data that a distribution installed."""
    return {str(file): f"{file.hash.mode}={file.hash.value}" for file in one.files or () if file.hash}


def _list(names: Iterable[str]) -> str:
    first = sorted(names)
    more = f" and {len(first) - _SHOWN} more" if len(first) > _SHOWN else ""
    return ", ".join(first[:_SHOWN]) + more
