"""Checking whole files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dripline.checking.configuration_check import check_configuration
from dripline.checking.findings import Findings
from dripline.checking.name_clashes import check_together
from dripline.config.diagnostics import Mistake
from dripline.config.file import FilePath
from dripline.config.load import Assembly, bring_together, mesh_mistakes
from dripline.wire.return_codes import return_code_mistakes


def check_files(files: Sequence[FilePath]) -> Findings:
    """Tell everything that is wrong with configuration files, and with all of them together.

    Args:
        files: each describes a service.
    """
    findings = Findings()
    assemblies = [bring_together(file) for file in dict.fromkeys(files)]
    for assembly in assemblies:
        findings.mistakes += check_assembly(assembly, may_vary=True).mistakes
    findings.mistakes += check_together(assemblies)
    return findings


def check_assembly(assembly: Assembly, may_vary: bool = False) -> Findings:
    """Tell everything that is wrong with a configuration that was brought together.

    Args:
        assembly: a configuration, and the mistakes that were met on the way.
        may_vary: whether the environment is not yet the one in which the service will run, so that what comes
            from it is not called wrong.
    """
    findings = Findings(list(assembly.mistakes))
    unsure = assembly.unsure if may_vary else frozenset()
    findings.mistakes += mesh_mistakes(assembly.configuration, assembly.origin, unsure)
    findings.mistakes += _return_code_mistakes(assembly)
    if assembly.is_readable:
        # What comes from the environment is text, also where its reader makes a number of it.
        checked = check_configuration(
            assembly.configuration, assembly.origin.place, assembly.unsure, may_vary, assembly.origin.word
        )
        findings.mistakes += checked.mistakes
    return findings


def _return_code_mistakes(assembly: Assembly) -> list[Mistake]:
    mesh = assembly.configuration.get("dripline_mesh")
    codes = mesh.get("return_codes") if isinstance(mesh, dict) else None
    if not isinstance(codes, list) or not all(isinstance(code, Mapping) for code in codes):
        return []  # none, a file that could not be read, or something that is reported elsewhere
    key = ("dripline_mesh", "return_codes")
    return [
        Mistake(assembly.origin.place((*key, number)), f"dripline_mesh: return_codes: {text}")
        for number, text in return_code_mistakes(codes)
        if (*key, number, "value") not in assembly.unsure
    ]
