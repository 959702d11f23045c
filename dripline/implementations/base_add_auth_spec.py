"""Base of the secret specifications of extension packages."""

from __future__ import annotations

from typing import ClassVar

from dripline.core._access import Reach
from dripline.implementations.config import add_postgres_auth_spec
from scarab import MainApp


class BaseAddAuthSpec:
    """Registers groups of secrets when a program starts.

    A package that needs secrets brings the module `dripline.extensions.add_auth_spec` with a subclass of the name
    `AddAuthSpec`. Its constructor calls this one, which registers the group ``postgres``, then
    `app.add_default_auth_spec_group(name, spec)` for each further group; services find them in `self.auth`.

    Args:
        app: the program that starts.
    """

    _dripline_reach: ClassVar[Reach] = {"own": {"app"}}

    def __init__(self, app: MainApp) -> None:
        self.app = app
        self.add_postgres_auth_spec(app)

    def add_postgres_auth_spec(self, app: MainApp) -> None:
        """Register the login at a PostgreSQL database.

        Args:
            app: the program that starts.
        """
        add_postgres_auth_spec(app)
