"""Checking whole files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dripline.checking.configuration_check import check_configuration
from dripline.checking.name_clashes import check_together
from dripline.config.diagnostics import Diagnostics, error
from dripline.config.file import FilePath
from dripline.config.load import Loaded, load_all, mesh_errors
from dripline.wire.return_codes import return_code_mistakes


def check_files(files: Sequence[FilePath]) -> Diagnostics:
    """Report every problem in configuration files, and between them.

    Args:
        files: Each describes a service.
    """
    found = Diagnostics()
    all_loaded = [load_all(file) for file in dict.fromkeys(files)]
    for loaded in all_loaded:
        found += check_loaded(loaded, may_vary=True)
    found += check_together(all_loaded)
    return found


def check_loaded(loaded: Loaded, may_vary: bool = False) -> Diagnostics:
    """Report every problem in a configuration, those met while it was loaded among them.

    Args:
        loaded: The configuration.
        may_vary: Whether the environment is not yet the one in which the service will run, so that what comes
            from it is not called wrong.
    """
    found = Diagnostics(loaded.diagnostics, loaded.origin.place)
    unsure = loaded.unsure if may_vary else frozenset()
    found += mesh_errors(loaded.configuration, loaded.origin, unsure)
    _check_return_codes(loaded, found)
    if loaded.is_readable:
        # What comes from the environment is text, also where its reader makes a number of it.
        found += check_configuration(
            loaded.configuration, loaded.origin.place, loaded.unsure, may_vary, loaded.origin.word
        )
    return found


def _check_return_codes(loaded: Loaded, found: Diagnostics) -> None:
    mesh = loaded.configuration.get("dripline_mesh")
    codes = mesh.get("return_codes") if isinstance(mesh, dict) else None
    if not isinstance(codes, list) or not all(isinstance(code, Mapping) for code in codes):
        return  # none, a file that could not be read, or something that is reported elsewhere
    key = ("dripline_mesh", "return_codes")
    for number, text in return_code_mistakes(codes):
        if (*key, number, "value") not in loaded.unsure:
            found.add(error(f"dripline_mesh: return_codes: {text}", *key, number))
