"""Faults that a test wants: on lines, at logins, of messages. All of it runs on the broker's thread."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dripline.broker.line import Line
from dripline.broker.tampering import Rule, Tampering

if TYPE_CHECKING:
    from dripline.broker.connection import Connection
    from dripline.broker.state import Hub

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

    def begin(self, line: Line) -> None:
        """Let it begin on a line."""
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


class Interference:
    """The faults of one running broker.

    Args:
        hub: what its connections share.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._line_faults: list[LineFault] = []
        self._refusals: list[LoginRefusal] = []
        self._tampering = Tampering()

    # -- what connections ask

    def on_connected(self, connection: Connection) -> None:
        """A client has connected; nobody knows its name yet."""
        for fault in self._line_faults:
            if fault.also_new and fault.client is None:
                fault.begin(self._line(connection))

    def on_opened(self, connection: Connection) -> None:
        """A client has logged in."""
        for fault in self._line_faults:
            if fault.also_new and fault.client is not None and is_named(connection, fault.client):
                fault.begin(self._line(connection))

    def refuses_login(self, connection: Connection) -> bool:
        """Whether a client must not log in, though its password is right."""
        return any(refusal.refuses(connection) for refusal in self._refusals)

    # -- faults

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

    def begin_line_fault(self, fault: LineFault) -> None:
        """Let a fault begin on the lines that are there."""
        self._line_faults.append(fault)
        for connection in self._named(fault.client):
            fault.begin(self._line(connection))

    def end_line_fault(self, fault: LineFault) -> None:
        """Let it end."""
        if fault in self._line_faults:
            self._line_faults.remove(fault)
            fault.end()

    def begin_refusal(self, refusal: LoginRefusal) -> None:
        """Refuse logins."""
        self._refusals.append(refusal)

    def end_refusal(self, refusal: LoginRefusal) -> None:
        """Refuse them no longer."""
        if refusal in self._refusals:
            self._refusals.remove(refusal)

    def begin_rule(self, rule: Rule) -> None:
        """Let something happen to messages."""
        self._tampering.rules.append(rule)
        self.install()

    def end_rule(self, rule: Rule) -> None:
        """Let it happen no longer."""
        if rule in self._tampering.rules:
            self._tampering.rules.remove(rule)
            rule.end()
            self.install()

    def install(self) -> None:
        """Have messages pass by the rules, if there are some; called again when the virtual host is another."""
        vhost = self._hub.vhost
        route = vhost.router.route
        vhost.route = self._tampering.route_with(route) if self._tampering.rules else route

    def end_all(self) -> None:
        """Let all of it end."""
        for fault in tuple(self._line_faults):
            self.end_line_fault(fault)
        self._refusals.clear()
        for rule in tuple(self._tampering.rules):
            self.end_rule(rule)

    # -- inside

    def _named(self, client: str | None) -> list[Connection]:
        return [connection for connection in self._hub.connections if is_named(connection, client)]

    def _line(self, connection: Connection) -> Line:
        transport = connection.transport
        return transport if isinstance(transport, Line) else Line(connection, self._hub.loop)


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
