"""Kept for tools that still call setup.py. The package is defined in pyproject.toml."""

from setuptools import setup

setup()
