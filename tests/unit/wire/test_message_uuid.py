"""UUIDs of messages."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from dripline.wire.message import new_uuid


def test_fresh_identifiers_are_random_uuids():
    """They have 36 characters, version 4 and the variant of RFC 4122, and no two are equal."""
    made = [new_uuid() for _ in range(200)]
    assert len(set(made)) == 200
    for text in made:
        assert str(UUID(text)) == text
        assert UUID(text).version == 4


def test_many_threads_get_identifiers_of_their_own():
    """Though they are made in advance."""
    with ThreadPoolExecutor(8) as threads:
        made = [
            text for texts in threads.map(lambda _: [new_uuid() for _ in range(1000)], range(8)) for text in texts
        ]
    assert len(set(made)) == 8000


def test_a_process_that_was_forked_makes_its_own():
    """Two with the same ids would take each other's replies."""
    program = (
        "import os\n"
        "from dripline.wire.message import new_uuid\n"
        "new_uuid()\n"
        "child = os.fork()\n"
        "os.write(1, (new_uuid() + '\\n').encode())\n"
        "child and os.waitpid(child, 0)\n"
    )
    both = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout.split()
    assert len(both) == 2
    assert both[0] != both[1]
