"""Jitter: an example of a dripline extension package.

What stands in ``__all__`` can be named by ``module:`` in a service's YAML; ``version`` travels in the
``sender_info`` of every message that a service using this package sends.
"""

from importlib.metadata import version as _distribution_version

import scarab

from .jitter_endpoints import JitterEntity

__all__ = ["JitterEntity", "version"]

version = scarab.VersionSemantic()
version.parse(_distribution_version("dripline-jitter"))
version.package = "dripline-jitter"
version.commit = "na"
