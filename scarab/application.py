"""What the start of a program hands to extensions that want to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scarab.authentication import Authentication
from scarab.convert import to_param
from scarab.param import Param
from scarab.param_array import ParamArray
from scarab.param_node import ParamNode
from scarab.semantic_version import VersionSemantic


class MainApp:
    """Configuration, secrets and version of a program.

    Args:
        use_config: whether the program reads a configuration file.

    Attributes:
        default_config: configuration before anything was read.
        primary_config: configuration after everything was read.
        config_filename: the file it was read from, empty for none.
        global_verbosity: level of Python's logging.
        nonoption_kw_args: `key=value` words of the command line.
        nonoption_ord_args: its other words.
        app_options: its options.
        auth: specification of the secrets that are known, and the secrets after `process_spec`.
        version: version of the program, None until `set_version`.
    """

    def __init__(self, use_config: bool = True) -> None:
        self.use_config = use_config
        self.default_config = ParamNode()
        self.primary_config = ParamNode()
        self.config_filename = ""
        self.global_verbosity = 0
        self.nonoption_kw_args = ParamNode()
        self.nonoption_ord_args = ParamArray()
        self.app_options = ParamNode()
        self.auth = Authentication()
        self.version: VersionSemantic | None = None

    def add_default_auth_spec_group(self, group_name: str, spec_group: Param | Mapping[str, Any]) -> None:
        """Register a group of secrets that the program needs.

        Args:
            group_name: name of the group, as in authentication files.
            spec_group: `{item: {"default": ..., "env": ...}}`.
        """
        self.auth.add_groups({group_name: to_param(spec_group).to_python()})

    def set_version(self, version: VersionSemantic) -> None:
        """Tell which version of the program this is."""
        self.version = version
