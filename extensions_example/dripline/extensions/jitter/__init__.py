"""Jitter: an example of a dripline extension package.

``__all__`` lists the classes that a YAML file can use as ``module:``. If a service uses this package, the
``sender_info`` of every message that the service sends contains ``version``.
"""

from importlib.metadata import version as _distribution_version

import scarab

from .jitter_endpoints import JitterEntity

__all__ = ["JitterEntity", "version"]

version = scarab.VersionSemantic()
version.parse(_distribution_version("dripline-jitter"))
version.package = "dripline-jitter"
version.commit = "na"
