"""`MainApp`: options, configuration and secrets of a program."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from scarab.authentication import Authentication
from scarab.cancelable import Reach
from scarab.param import Param, ParamArray, ParamNode, to_param
from scarab.program_options import (
    Option,
    Parsed,
    UnusableConfiguration,
    parse,
    put,
    put_all,
    read_file,
    replace_environment,
)
from scarab.semantic_version import VersionSemantic


class MainApp:
    """Configuration, secrets and version of a program.

    ::

        app = scarab.MainApp()
        app.default_config.add("interval", 5)
        app.add_config_int_option("-i,--interval", "interval", "seconds between two looks")
        app.set_callback(lambda: watch(app.primary_config["interval"]().as_int()))
        sys.exit(app.execute(sys.argv))

    Args:
        use_config: whether the program reads a configuration file, with an option `-c`.

    Attributes:
        default_config: configuration before anything was read.
        primary_config: configuration after everything was read: defaults, file, `key=value` words, options.
        config_filename: the file it was read from, empty for none.
        global_verbosity: level of Python's logging.
        nonoption_kw_args: `key=value` words of the command line.
        nonoption_ord_args: its other words.
        app_options: its options.
        auth: specification of the secrets that are known, and the secrets after `process_spec`.
        version: version of the program, None until `set_version`.
        auth_groups_key: where the configuration specifies secrets, by group.
        auth_file_key: where the configuration names an authentication file.
    """

    _dripline_reach: ClassVar[Reach] = {
        "own": {"use_config", "default_config", "primary_config", "config_filename", "global_verbosity", "auth"}
        | {"nonoption_kw_args", "nonoption_ord_args", "app_options", "version", "auth_groups_key", "auth_file_key"}
    }

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
        self.auth_groups_key = "auth-groups"
        self.auth_file_key = "auth-file"
        self._given: dict[str, Any] = {}
        self._options: list[Option] = []
        self._callback: Callable[[], object] | None = None

    def add_default_auth_spec_group(self, group_name: str, spec_group: Param | Mapping[str, Any]) -> None:
        """Register a group of secrets that the program needs.

        Args:
            group_name: name of the group, as in authentication files.
            spec_group: `{item: {"default": ..., "env": ...}}`.

        Raises:
            AuthenticationError: that is not a specification.
        """
        self.auth.add_groups({group_name: to_param(spec_group).to_python()})
        self.default_config.add(self.auth_groups_key, {})
        self.default_config[self.auth_groups_key].as_node().replace(group_name, spec_group)

    def set_default_auth_spec_groups(self, groups: Param | Mapping[str, Any]) -> None:
        """Register the groups of secrets that the program needs, in place of those registered before.

        Args:
            groups: `{group: {item: {"default": ..., "env": ...}}}`.

        Raises:
            AuthenticationError: that is not a specification.
        """
        self.auth.spec = groups
        self.default_config.replace(self.auth_groups_key, groups)

    def set_default_auth_file(self, filename: str) -> None:
        """Name the authentication file that is read unless the configuration names another one."""
        self.default_config.replace(self.auth_file_key, filename)

    def set_version(self, version: VersionSemantic) -> None:
        """Tell which version of the program this is."""
        self.version = version

    def set_callback(self, function: Callable[[], object]) -> None:
        """Say what the program does when its command line was read."""
        self._callback = function

    # -- options ---------------------------------------------------------------------------------------------

    def add_config_flag(self, flag: str, config_address: str, description: str = "") -> None:
        """Add an option without value, which is true when it is given.

        Args:
            flag: its names: `-f,--flag`.
            config_address: where it stands in the configuration: `group.name`.
            description: its line in the help.
        """
        self._options.append(Option(flag, config_address, description, bool))

    def add_config_counted_flag(self, flag: str, config_address: str, description: str = "") -> None:
        """Add an option without value that counts how often it is given. Arguments as for `add_config_flag`."""
        self._options.append(Option(flag, config_address, description, bool, counted=True))

    def add_config_string_option(self, option: str, config_address: str, description: str = "") -> None:
        """Add an option with a text. Arguments as for `add_config_flag`."""
        self._options.append(Option(option, config_address, description, str))

    def add_config_int_option(self, option: str, config_address: str, description: str = "") -> None:
        """Add an option with a whole number. Arguments as for `add_config_flag`."""
        self._options.append(Option(option, config_address, description, int))

    def add_config_float_option(self, option: str, config_address: str, description: str = "") -> None:
        """Add an option with a number. Arguments as for `add_config_flag`."""
        self._options.append(Option(option, config_address, description, float))

    def add_config_multi_string_option(self, option: str, config_address: str, description: str = "") -> None:
        """Add an option with one text or several. Arguments as for `add_config_flag`."""
        self._options.append(Option(option, config_address, description, str, multiple=True))

    def add_config_multi_int_option(self, option: str, config_address: str, description: str = "") -> None:
        """Add an option with one whole number or several. Arguments as for `add_config_flag`."""
        self._options.append(Option(option, config_address, description, int, multiple=True))

    def add_config_multi_float_option(self, option: str, config_address: str, description: str = "") -> None:
        """Add an option with one number or several. Arguments as for `add_config_flag`."""
        self._options.append(Option(option, config_address, description, float, multiple=True))

    # -- running ---------------------------------------------------------------------------------------------

    def execute(self, args: Sequence[str]) -> int:
        """Read a command line, bring the configuration together, look the secrets up and call the callback.

        The configuration is made in stages, `do_config_stage_1` to `do_config_stage_5`, then comes
        `do_authentication`; a subclass may override each of them.

        Args:
            args: the command line, the program's name first, as in `sys.argv`.

        Returns:
            An exit code: 0 when all went well, 2 for a command line that is wrong. What the callback raises is
            passed on.
        """
        try:
            parsed = parse(args, self._options, self.use_config, self.version)
        except SystemExit as end:  # help and version were printed, or what is wrong
            return end.code if isinstance(end.code, int) else 2
        self._take_over(parsed)
        try:
            self.do_config_stage_1()
            self.do_config_stage_2()
            self.do_config_stage_3()
            self.do_config_stage_4()
            self.do_config_stage_5()
        except UnusableConfiguration as error:
            sys.stderr.write(f"{os.path.basename(args[0]) if args else 'error'}: {error}\n")
            return 2
        self.do_authentication()
        if self._callback is not None:
            self._callback()
        return 0

    def do_config_stage_1(self) -> None:
        """Put the defaults into the configuration."""
        self.primary_config.merge(self.default_config)

    def do_config_stage_2(self) -> None:
        """Merge the configuration file, if one was named."""
        if self.config_filename:
            self.primary_config.merge(to_param(read_file(self.config_filename)).as_node())

    def do_config_stage_3(self) -> None:
        """Merge the `key=value` arguments of the command line; a number in a key is a place in a list."""
        plain = self.primary_config.to_python()
        put_all(plain, self.nonoption_kw_args.to_python())
        self._replace_config(plain)

    def do_config_stage_4(self) -> None:
        """Merge the options that were given."""
        plain = self.primary_config.to_python()
        for address, value in self._given.items():
            put(plain, address, value)
        self._replace_config(plain)

    def do_config_stage_5(self) -> None:
        """Replace `ENV{NAME}` in the strings of the configuration by environment variables."""
        self._replace_config(replace_environment(self.primary_config.to_python()))

    def do_authentication(self) -> None:
        """Look the secrets up, as the configuration specifies them below `auth_groups_key` and `auth_file_key`.

        Raises:
            AuthenticationError: a file cannot be read, or a secret is empty.
        """
        if self.auth_groups_key in self.primary_config:
            self.auth.add_groups(self.primary_config.remove(self.auth_groups_key))
        plain = self.primary_config.to_python()
        auth_file = plain.get(self.auth_file_key) or plain.get("auth_file") or plain.get("auth-file")
        if auth_file:
            self.auth.set_auth_file(str(auth_file))
        self.auth.process_spec()

    def _take_over(self, parsed: Parsed) -> None:
        self.config_filename = parsed.config_file
        self.global_verbosity = parsed.verbosity
        self.nonoption_kw_args = to_param(parsed.keywords).as_node()
        self.nonoption_ord_args = to_param(parsed.words).as_array()
        self._given = parsed.options
        nested: dict[str, Any] = {}
        for address, value in parsed.options.items():
            put(nested, address, value)
        self.app_options = to_param(nested).as_node()
        self.primary_config.clear()

    def _replace_config(self, plain: dict[str, Any]) -> None:
        self.primary_config.clear()
        self.primary_config.merge(to_param(plain).as_node())


# In the reference's order: trace, debug, info, progress, warning, error, fatal.
_LEVELS = (logging.DEBUG,) * 2 + (logging.INFO,) * 2 + (logging.WARNING, logging.ERROR, logging.CRITICAL)


def s2py_verbosity(verbosity: int) -> int:
    """Give the level of Python's logging for a verbosity of the reference, from 0 (trace) to 6 (fatal)."""
    return _LEVELS[verbosity] if 0 <= verbosity < len(_LEVELS) else logging.NOTSET
