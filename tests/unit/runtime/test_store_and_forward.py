"""How many alerts wait for a broker that is away, as a configuration says it."""

from __future__ import annotations

import pytest

from dripline.errors import ConfigurationError
from dripline.runtime.store_and_forward import keep_rule


def test_what_is_not_said_is_as_by_default():
    """A folder may be in the home directory."""
    rule = keep_rule({"on_disk_mb": 0.5, "folder": "~/spool", "drop": "newest"})
    assert (rule.in_memory, rule.on_disk_bytes, rule.drop_oldest) == (10_000, 500_000, False)
    assert rule.folder is not None
    assert rule.folder.is_absolute()


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ({"in_memory": 0}, "in_memory is a number above 0, not 0"),
        ({"in_memory": True}, "in_memory is a number above 0, not True"),
        ({"in_memory": float("inf")}, "in_memory is a number above 0, not inf"),
        ({"on_disk_mb": float("nan")}, "on_disk_mb is a number above 0, not nan"),
        ({"on_disk_mb": "many"}, "on_disk_mb is a number above 0, not 'many'"),
        ({"drop": ["all"]}, "drop is 'oldest' or 'newest'"),
        ({"in_memry": 5}, "unknown key 'in_memry'; did you mean 'in_memory'"),
        (["in_memory"], "alert_spool is a map"),
    ],
)
def test_a_mistake_is_named(configuration, text):
    """In one line, with the key."""
    with pytest.raises(ConfigurationError, match="alert_spool") as error:
        keep_rule(configuration)
    assert text in str(error.value)
    assert "\n" not in str(error.value)
