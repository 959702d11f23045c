"""Groups of secrets used by the implementations."""

from __future__ import annotations

from scarab import MainApp

__all__ = ["add_postgres_auth_spec"]


def add_postgres_auth_spec(app: MainApp) -> None:
    """Register the login at a PostgreSQL database as the group ``postgres``.

    Args:
        app: The program that starts.
    """
    spec = {
        "username": {"default": "postgres", "env": "POSTGRES_USER"},
        "password": {"default": "postgres", "env": "POSTGRES_PASSWORD"},
    }
    app.add_default_auth_spec_group("postgres", spec)
