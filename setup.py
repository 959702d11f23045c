"""Puts the import guard's .pth file into the wheel; everything else is in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

NAME = "dripline-import-guard.pth"
# Python runs this line at startup. It must not fail: an editable install may outlive its folder.
CODE = "try:\n from _dripline.import_guard import install\n install()\nexcept Exception:\n pass"


class BuildWithGuard(build_py):
    """Copies the packages, and writes the .pth file beside them."""

    def run(self) -> None:
        """Build."""
        super().run()
        # The folder that becomes the wheel. An editable one contains none of the packages.
        folder = self.get_finalized_command("install").install_lib if self.editable_mode else self.build_lib
        target = Path(folder, NAME)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"import sys; exec({CODE!r})\n", encoding="utf-8")

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """List what `run` writes."""
        own = [] if self.editable_mode else [str(Path(self.build_lib, NAME))]
        return [*super().get_outputs(include_bytecode), *own]


setup(cmdclass={"build_py": BuildWithGuard})
