"""Message bodies in temporary files."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.runtime import chunk_sets
from dripline.runtime.chunk_sets import SpillFile


@given(st.lists(st.binary(max_size=3000), max_size=60), st.randoms())
def test_what_was_put_is_taken_in_any_order(bodies, rng):
    """And the disk is given back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunk_sets, "_SEGMENT_BYTES", 5000)
        spill, kept = SpillFile(), []
        for body in bodies:
            kept.append((spill.put(body), body))
            if rng.random() < 0.4:
                spilled, expected = kept.pop(rng.randrange(len(kept)))
                assert spill.take(spilled) == expected
        assert spill.size == sum(len(body) for _, body in kept)
        for spilled, expected in kept:
            assert spill.take(spilled) == expected
        assert spill.size == 0
        assert len(spill._segments) <= 1
        spill.close()


def test_it_has_a_limit_and_uses_no_names(tmp_path):
    """What is on disk goes with the process, however that ends."""
    spill = SpillFile(tmp_path / "state", limit_bytes=1000)
    spilled = spill.put(random.Random(1).randbytes(900))
    assert list((tmp_path / "state").iterdir()) == []
    with pytest.raises(OSError, match="on disk already"):
        spill.put(bytes(200))
    spill.take(spilled)
    spill.put(bytes(200))
    spill.close()


def test_a_folder_that_cannot_be_made_is_no_obstacle(tmp_path):
    """The system's folder for temporary files serves then."""
    (tmp_path / "file").touch()
    spill = SpillFile(tmp_path / "file" / "state")
    assert spill.take(spill.put(b"body")) == b"body"
    spill.close()
