"""How a class says what messages reach in it, for classes of this package and of dripline."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypedDict


class Reach(TypedDict, total=False):
    """What messages reach in a class that has it as `_dripline_reach`; the lists of its bases hold as well.

    Attributes:
        get: Attributes that a get reads.
        set: Attributes that a set assigns, and a get reads.
        cmd: Methods that a cmd calls.
        own: Attributes that the constructor sets and messages do not reach; other names that the class defines
            need not be listed for that.
        free: Attributes and methods that a laboratory's class may define for its own purposes; messages reach them
            then.
    """

    get: Collection[str]
    set: Collection[str]
    cmd: Collection[str]
    own: Collection[str]
    free: Collection[str]
