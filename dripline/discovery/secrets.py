"""The secrets that extensions need: the extension `add_auth_spec` tells where they come from."""

from __future__ import annotations

import logging

from dripline.discovery.class_finder import class_finder
from dripline.discovery.error_text import describe_failure
from dripline.wire.safe_text import is_for_program
from scarab import Authentication, MainApp

logger = logging.getLogger("dripline.extensions")


def secrets_of_extensions() -> Authentication:
    """Secrets with the groups that the extension `add_auth_spec` registers; one that fails is told in the log."""
    app = MainApp()
    finder = class_finder()
    for extension in finder.index.named("add_auth_spec"):
        add = getattr(finder.load(extension), "AddAuthSpec", None)
        if add is None:
            continue
        try:
            add(app)
        except BaseException as error:  # an extension's fault must not be ours
            if is_for_program(error):
                raise
            logger.warning(
                "extension %s: AddAuthSpec fails: %s", extension, describe_failure(error, extension.file)
            )
    return app.auth
