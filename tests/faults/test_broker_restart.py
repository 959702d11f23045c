"""The broker restarted under load: who asks is answered again soon, nobody hangs, and alerts wait for its return.

``DRIPLINE_TEST_FULL=1`` restarts it ten times, with 1000 alerts a second.
"""

from __future__ import annotations

import time

import pytest
from reports import FULL, report
from restarting import Restarting
from support.traffic import Clients, Doubling, Listener, Sender, all_came, serving_process
from support.waiting import eventually

from dripline.core import Interface, Service
from dripline.errors import DriplineError

TIMES = 10 if FULL else 1
CLIENTS = 8
RATE = 1000 if FULL else 200
TIMEOUT_S = 5.0
SLACK_S = 15.0  # a machine at work may be late, but it does not hang
BACK_S = 5.0 if FULL else 40.0  # after the broker's return everybody answers
PATIENCE_S = 60.0
PASSING_S = 5.0  # what it has missed does not come


@pytest.mark.timeout(600 + 60 * TIMES)
def test_a_broker_restarted_under_load(restarting, restarting_mesh, request) -> None:
    """No client hangs, no answer is wrong, all services are soon back in the same process, no alert is missing."""
    mesh = restarting_mesh
    names = [mesh.name("here"), mesh.name("there")]
    service = Service(mesh.name("service"), alert_spool={"in_memory": 10**6}, **mesh.login)
    service.add_child(Doubling(name=names[0]))
    service.start()
    with serving_process(mesh.login, mesh.name("other"), names[1]) as process, Interface(**mesh.login) as client:
        assert eventually(lambda: all(answers(client, name) for name in names), PATIENCE_S)
        durable = Listener(name=mesh.name("durable"), durable=True, **mesh.login)
        passing = Listener(name=mesh.name("passing"), **mesh.login)
        durable.start()
        passing.start()
        sender = Sender(service, RATE)
        with Clients(mesh.login, names, TIMEOUT_S, CLIENTS) as clients:
            sender.start()
            back_s = [time_until_all_answer(restarting, client, names) for _ in range(TIMES)]
            time.sleep(1)
            clients.end()
        count = sender.end()
        all_came(durable.heard, count, PATIENCE_S)
        all_came(passing.heard, count, PASSING_S)
        assert client.cmd(names[1], "pid") == process.pid
    for each in (service, durable, passing):
        each.stop()
    outcomes, longest = clients.outcomes, clients.longest_s
    missing = durable.missing(count)
    report(
        "broker restarted",
        request.node.callspec.id,
        times=TIMES,
        sent=count,
        a_second=round(sender.reached_rate),
        missing=len(missing),
        twice=durable.heard.total() - len(durable.heard),
        missing_without_durable_queue=len(passing.missing(count)),
        **dict(outcomes),
        longest=f"{longest:.1f} s",
        back_after=f"{max(back_s):.1f} s",
    )
    assert outcomes["wrong"] == 0
    assert outcomes["answered"] > 0
    assert longest < TIMEOUT_S + SLACK_S
    assert max(back_s) < BACK_S
    assert missing == []


def time_until_all_answer(restarting: Restarting, client: Interface, names: list[str]) -> float:
    """Restart the broker; how long it takes from its return until all answer, in seconds."""
    time.sleep(1)
    restarting.restart()
    begin = time.monotonic()
    assert eventually(lambda: all(answers(client, name) for name in names), PATIENCE_S)
    return time.monotonic() - begin


def answers(client: Interface, name: str) -> bool:
    """Whether somebody answers, now."""
    try:
        client.get(name, timeout_s=1)
    except DriplineError:
        return False
    return True
