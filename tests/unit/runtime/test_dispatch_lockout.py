"""The lock of an endpoint."""

import uuid

from dripline.runtime.dispatch import Lockout

KEY = uuid.UUID("11111111-2222-3333-4444-555555555555")
NIL = uuid.UUID(int=0)
TAG = {"username": "ada"}


def test_nobody_is_kept_out_of_what_is_not_locked():
    """A fresh one is open to all keys, and says no more than that."""
    lockout = Lockout()
    assert lockout.admits(NIL)
    assert lockout.admits(KEY)
    assert lockout.status() == {"is_locked": False}


def test_a_key_opens_what_it_has_locked():
    """While it is locked only that key is admitted."""
    lockout = Lockout()
    assert lockout.lock(KEY, TAG) == KEY
    assert lockout.is_locked
    assert lockout.admits(KEY)
    assert not lockout.admits(NIL)
    assert lockout.status() == {"is_locked": True, "tag": TAG}
    assert lockout.unlock(KEY)
    assert not lockout.is_locked
    assert lockout.tag == {}


def test_a_key_is_made_when_none_is_given():
    """The nil key locks with a fresh one."""
    key = Lockout().lock(NIL, TAG)
    assert key not in (None, NIL)


def test_it_cannot_be_locked_twice():
    """Not even with the same key."""
    lockout = Lockout()
    lockout.lock(KEY, TAG)
    assert lockout.lock(KEY, {"username": "eve"}) is None
    assert lockout.tag == TAG


def test_the_wrong_key_does_not_open():
    """Force does."""
    lockout = Lockout()
    lockout.lock(KEY, TAG)
    assert not lockout.unlock(NIL)
    assert not lockout.unlock(uuid.uuid4())
    assert lockout.is_locked
    assert lockout.unlock(NIL, force=True)
    assert not lockout.is_locked


def test_the_status_cannot_be_used_to_change_the_tag():
    """It is a copy."""
    lockout = Lockout()
    lockout.lock(KEY, TAG)
    lockout.status()["tag"]["username"] = "eve"
    assert lockout.tag == TAG
