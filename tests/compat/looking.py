"""Run in an environment: what a service started there would find, as JSON."""

import json
import sys

import dripline
from dripline.discovery.class_finder import class_finder
from dripline.errors import ConfigurationError

report = {"imported": sorted(name for name in sys.modules if name.startswith("dripline.extensions."))}
finder = class_finder()


def look_for(name: str) -> dict[str, str]:
    """Module and file of a class, or why there is none."""
    try:
        found = finder.find(name)
    except ConfigurationError as error:
        return {"refused": str(error)}
    return {"module": found.__module__, "file": str(sys.modules[found.__module__].__file__)}


report["classes"] = {name: look_for(name) for name in sys.argv[1:]}
report["failures"] = finder.failures
report["pkg_resources"] = getattr(sys.modules.get("pkg_resources"), "__name__", "")
report["attribute"] = dripline.extensions.cryostat.version.version
print(json.dumps(report))
