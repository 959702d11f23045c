"""What somebody does to files at the very moment at which a program writes to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def before(
    call: str, action: Callable[[], object], monkeypatch: pytest.MonkeyPatch, times: int = 1
) -> Iterator[None]:
    """Do something just before the first calls of a function of `os` in a block.

    Args:
        call: The name of the function, such as ``fsync``.
        action: What is done.
        monkeypatch: Of the test.
        times: Before how many calls.
    """
    left, real = [action] * times, getattr(os, call)

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if left:
            left.pop()()
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, interrupted)
        yield
