"""The faults of one running broker: at its lines, its logins and its messages."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable
from typing import Final, TypeAlias

from dripline.broker.connection import Connection
from dripline.broker.state import Hooks, State
from dripline.testing.fault_injection.line import Line
from dripline.testing.fault_injection.messages import Rule, route

_OURS: Final = " (dripline)"  # members of a mesh call their connections `NAME (dripline)`


class LineFault:
    """Something wrong with the lines of some clients.

    Args:
        client: name of the clients, as `is_named` takes it; None for all.
        begin: lets it begin on a line.
        end: lets it end there.
        also_new: connections that come later have it, too.

    Attributes:
        applied: how many lines have had it.
    """

    def __init__(
        self,
        client: str | None,
        begin: Callable[[Line], None],
        end: Callable[[Line], None],
        also_new: bool,
    ) -> None:
        self.client = client
        self.also_new = also_new
        self.applied = 0
        self._lines: list[Line] = []
        self._begin = begin
        self._end = end

    def begin(self, connection: Connection) -> None:
        """Let it begin on the line of a connection."""
        line = connection.transport
        if not isinstance(line, Line):
            line = Line(connection)
        if line not in self._lines:
            self._lines.append(line)
            self.applied += 1
            self._begin(line)

    def end(self) -> None:
        """Let it end everywhere."""
        lines, self._lines = self._lines, []
        for line in lines:
            self._end(line)


class LoginRefusal:
    """Logins are refused.

    Args:
        client: of these clients; None for all.
        count: so many of them; None for any number.

    Attributes:
        applied: how many have been refused.
    """

    def __init__(self, client: str | None, count: int | None) -> None:
        self.applied = 0
        self._client = client
        self._count = count

    def refuses(self, connection: Connection) -> bool:
        """Whether this login is refused; it counts as one then."""
        if self._count is not None and self.applied >= self._count:
            return False
        if not is_named(connection, self._client):
            return False
        self.applied += 1
        return True

    def end(self) -> None:
        """Nothing is left of a refusal."""


InjectedFault: TypeAlias = LineFault | LoginRefusal | Rule


class Injector(Hooks[Connection]):
    """Has a broker do what is wrong.

    Args:
        state: what its connections share.
    """

    def __init__(self, state: State[Connection]) -> None:
        self._state = state
        self._faults: list[InjectedFault] = []

    @classmethod
    def of(cls, state: State[Connection]) -> Injector:
        """The injector of a broker, which gets one if it has none yet."""
        if not isinstance(state.hooks, cls):
            state.hooks = cls(state)
        return state.hooks

    def cut(self, client: str | None) -> int:
        """End connections at once, without a word; how many."""
        doomed = self._named(client)
        for connection in doomed:
            transport = connection.transport
            if isinstance(transport, Line):
                transport.cut()
            else:
                transport.abort()
        return len(doomed)

    def begin(self, fault: InjectedFault) -> None:
        """Let a fault begin, one of lines also on those that are there."""
        self._faults.append(fault)
        if isinstance(fault, LineFault):
            for connection in self._named(fault.client):
                fault.begin(connection)
        self.on_new_vhost()

    def end(self, fault: InjectedFault) -> None:
        """Let it end."""
        if fault in self._faults:
            self._faults.remove(fault)
            fault.end()
            self.on_new_vhost()

    # -- what the broker calls

    def on_connected(self, connection: Connection) -> None:
        """A client has connected; nobody knows its name yet."""
        self._begin_on_new(connection, has_name=False)

    def refuses_login(self, connection: Connection) -> bool:
        """Whether a client must not log in, though its password is right."""
        return any(isinstance(fault, LoginRefusal) and fault.refuses(connection) for fault in self._faults)

    def on_opened(self, connection: Connection) -> None:
        """A client has logged in."""
        self._begin_on_new(connection, has_name=True)

    def on_new_vhost(self) -> None:
        """Have messages pass by the rules, if there are some."""
        vhost = self._state.vhost
        rules = [fault for fault in self._faults if isinstance(fault, Rule)]
        vhost.route = functools.partial(route, vhost.router, rules) if rules else vhost.router.route

    def on_stop(self) -> None:
        """Let all of it end."""
        for fault in tuple(self._faults):
            self.end(fault)

    def _begin_on_new(self, connection: Connection, has_name: bool) -> None:
        for fault in self._faults:
            if not isinstance(fault, LineFault) or not fault.also_new or has_name is (fault.client is None):
                continue
            if is_named(connection, fault.client):
                fault.begin(connection)

    def _named(self, client: str | None) -> list[Connection]:
        return [connection for connection in self._state.connections if is_named(connection, client)]


def is_named(connection: Connection, client: str | None) -> bool:
    """Whether a connection is that of a client.

    Args:
        connection: the connection.
        client: a service's name, or what a client calls its connection, with `*` for anything; None for all.
    """
    if client is None:
        return True
    name = connection.client_name
    return any(fnmatch.fnmatchcase(each, client) for each in (name, name.removesuffix(_OURS)))
