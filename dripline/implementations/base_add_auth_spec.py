"""The base of what an extension package says about the secrets it needs."""

from __future__ import annotations

from typing import ClassVar

from dripline.core.access import Reach
from scarab import MainApp


class BaseAddAuthSpec:
    """Registers groups of secrets when a program starts.

    A package that needs secrets brings the module `dripline.extensions.add_auth_spec` with a subclass of the name
    `AddAuthSpec`. Its constructor calls this one, then `app.add_default_auth_spec_group(name, spec)` for each
    group of secrets; services find them in `self.auth`.

    Args:
        app: the program that starts.
    """

    _dripline_reach: ClassVar[Reach] = {"own": {"app"}}

    def __init__(self, app: MainApp) -> None:
        self.app = app

    def add_postgres_auth_spec(self, app: MainApp) -> None:
        """Register the login at a PostgreSQL database.

        Args:
            app: the program that starts.
        """
        spec = {
            "username": {"default": "postgres", "env": "POSTGRES_USER"},
            "password": {"default": "postgres", "env": "POSTGRES_PASSWORD"},
        }
        app.add_default_auth_spec_group("postgres", spec)
