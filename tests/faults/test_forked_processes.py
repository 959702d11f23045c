"""Forked processes beside a parent that is connected: each set is carried out once, each gets its own reply."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from contract.meshes import Mesh, client, fresh_mesh, serving
from support import forked
from support.forked import Counting, in_fork, put_result, set_inherited, set_with, set_with_client
from support.proxy import Proxy
from support.waiting import eventually

from dripline.config.mesh import MeshSettings
from dripline.core import AlertConsumer, Interface, MsgAlert, MsgRequest, Service, op_t
from dripline.errors import ConnectionLost
from dripline.runtime.client import MeshClient

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

CHILDREN = 3


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


@pytest.fixture
def counting(mesh):
    """An endpoint that counts what it is set to."""
    endpoint = Counting(mesh.name("counting"))
    service = Service(mesh.name("service"), **mesh.login)
    service.add_child(endpoint)
    with serving(service):
        yield endpoint


@pytest.fixture
def interface(mesh, counting):
    """A client that is connected, and whose parent goes on using it."""
    with client(mesh) as interface:
        assert interface.set(counting.name, "parent") is not None
        yield interface


def started(method: str, function, *arguments) -> list[str]:
    """Run a function in several processes at a time; returns what each gave."""
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    children = [
        context.Process(target=put_result, args=(queue, function, *arguments, f"{method}-{number}"))
        for number in range(CHILDREN)
    ]
    for child in children:
        child.start()
    said = [queue.get(timeout=60) for _ in children]
    for child in children:
        child.join(30)
        assert child.exitcode == 0, "a child hangs or fails at its end"
    return sorted(said)


def values(method: str) -> list[str]:
    """What the children of a start method set."""
    return [f"{method}-{number}" for number in range(CHILDREN)]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_an_interface_works_in_processes_of_every_start_method(interface, counting, method):
    """Each child is answered, each set is carried out once, and the parent's connection goes on."""
    connection = interface._dripline_client().link.connection
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(interface.cmd, counting.name, "slowly", ["in flight"])
        assert eventually(lambda: "in flight" in counting.seen)
        assert started(method, set_with, interface, counting.name) == values(method)
        assert slow.result(30) == "in flight", "the reply to the parent went elsewhere"
    assert sorted(counting.seen) == sorted(["parent", "in flight", *values(method)])
    assert interface.set(counting.name, "again") is not None
    assert interface._dripline_client().link.connection is connection


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_interface_works_in_a_pool(interface, counting, method):
    """What the processes of a pool inherit, or are sent, connects by itself; once for each process."""
    forked.inherited[:] = [interface]
    jobs = [f"{method}-{number}" for number in range(10)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        if method == "fork":
            said = pool.starmap(set_inherited, [(counting.name, job) for job in jobs])
        else:
            said = pool.starmap(set_with, [(interface, counting.name, job) for job in jobs])
    assert said == jobs
    assert sorted(counting.seen) == sorted(["parent", *jobs])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_mesh_client_works_in_another_process(mesh, counting, method):
    """Also the client that programs use, connected or not."""
    settings = MeshSettings.from_dict(mesh.settings)
    with MeshClient(settings, mesh.address.username, mesh.address.password) as mesh_client:
        assert started(method, set_with_client, mesh_client, counting.name) == ["0"] * CHILDREN
    assert sorted(counting.seen) == values(method)


def test_a_child_that_closes_does_not_hurt_its_parent(interface, counting):
    """Neither closing nor leaving a `with` in the child says goodbye to the broker in the parent's name."""
    for end in (interface.close, lambda: interface.__exit__(None, None, None)):
        assert in_fork(end) == "None"
        assert interface.set(counting.name, "after") is not None


def test_a_child_may_fork_while_others_hold_every_lock(interface, counting):
    """Children that are forked in the middle of other threads' work do not wait for locks that nobody frees."""
    over = threading.Event()

    def work(number: int) -> None:
        while not over.is_set():
            interface.set(counting.name, f"busy-{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    said = [in_fork(lambda n=n: set_with(interface, counting.name, f"child-{n}")) for n in range(10)]
    over.set()
    for thread in threads:
        thread.join(30)
    assert said == [f"child-{n}" for n in range(10)]
    assert sorted(value for value in counting.seen if value.startswith("child")) == sorted(said)


IMPORTING = """
import os, signal, sys, threading, time
from dripline.core import Interface
from dripline.errors import NoRoute

def ask():
    try:
        Interface("guest", "guest", {"broker": sys.argv[1], "broker_port": int(sys.argv[2])}).get("nobody")
    except NoRoute:
        pass

threading.Thread(target=ask, daemon=True).start()
time.sleep(float(sys.argv[3]))
child = os.fork()
if not child:
    signal.alarm(20)
    ask()
    os._exit(0)
os._exit(os.waitpid(child, 0)[1])
"""


@pytest.mark.parametrize("after_s", [0.001, 0.01, 0.03])
def test_a_fork_while_the_parent_imports_what_the_first_call_needs(embedded, after_s):
    """The child would wait for the thread of its parent that began the import."""
    arguments = [embedded.host, str(embedded.port), str(after_s)]
    assert subprocess.run([sys.executable, "-c", IMPORTING, *arguments], timeout=60).returncode == 0


def test_a_fork_while_the_parent_connects(mesh, counting):
    """The child makes a connection of its own, and the parent's attempt goes on."""
    with Proxy(mesh.address.host, mesh.address.port) as proxy:
        proxy.freeze()
        through = {**mesh.settings, "broker": proxy.host, "broker_port": proxy.port}
        with client(Mesh(mesh.address, through, mesh.suffix)) as interface, ThreadPoolExecutor(1) as threads:
            parent = threads.submit(set_with, interface, counting.name, "parent")
            assert eventually(lambda: proxy.accepted)
            threading.Timer(0.5, proxy.thaw).start()
            assert in_fork(lambda: set_with(interface, counting.name, "child")) == "child"
            assert parent.result(30) == "parent"
    assert sorted(counting.seen) == ["child", "parent"]


def test_a_grandchild_works_as_well(interface, counting):
    """A process that was forked and connected is a parent like any other."""

    def child() -> str:
        own = set_with(interface, counting.name, "child")
        return own + "," + in_fork(lambda: set_with(interface, counting.name, "grandchild"))

    assert in_fork(child) == "child,grandchild"
    assert sorted(counting.seen) == ["child", "grandchild", "parent"]


def test_a_pending_reply_stays_the_parents(interface, counting):
    """In the child, waiting for it fails at once; the parent receives it."""
    client = interface._dripline_client()
    pending = client.submit(MsgRequest.create({"values": ["x"]}, op_t.cmd, counting.name, "slowly"))
    said = in_fork(lambda: pending.wait(20))
    assert said.startswith("ConnectionLost: this process was forked")
    assert pending.wait(20).return_code == 0


class Hearing(AlertConsumer):
    """Counts alerts."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.heard = []

    def on_alert_message(self, an_alert):
        """Count one."""
        self.heard.append(an_alert.plain_payload)


def test_a_monitor_listens_in_the_parent_only(mesh, interface):
    """The child's client hears nothing of what the parent listens to, and the parent hears each message once."""
    heard: list[object] = []
    settings = MeshSettings.from_dict(mesh.settings)
    with MeshClient(settings, mesh.address.username, mesh.address.password) as listener:
        listener.monitor([], ["x"], lambda message: heard.append(message.plain_payload))

        def child() -> int:
            listener.publish(MsgAlert.create("child", "x"))  # connects the child's own
            time.sleep(0.5)
            return len(heard)

        assert in_fork(child) == "0"
        listener.publish(MsgAlert.create("parent", "x"))
        assert eventually(lambda: len(heard) == 2)
        assert heard == ["child", "parent"]


@pytest.fixture
def running(mesh: Mesh, tmp_path):
    """A service that runs, with alerts that wait on disk, and one that hears them."""
    service = Service(
        mesh.name("parent"), heartbeat_interval_s=0.2, enable_scheduling=True,
        alert_spool={"folder": str(tmp_path / "spool"), "in_memory": 5}, **mesh.login,
    )  # fmt: skip
    counting = Counting(mesh.name("own"))
    service.add_child(counting)
    with serving(Hearing(name=mesh.name("hearing"), alert_keys=["x"], **mesh.login)) as hearing, serving(service):
        yield service, counting, hearing


def test_a_service_is_none_in_a_forked_process(mesh, running):
    """There it neither answers nor sends, says so in one line, and its end leaves the parent's alone."""
    service, counting, hearing = running
    service.send(MsgAlert.create("before", "x"))
    refusal = f"service {service.name} runs in process {os.getpid()}, not in this one"

    def calls() -> str:
        sent = service.send(MsgAlert.create("child", "x"))
        said = [sent.successful_send, sent.send_error_message.startswith(refusal)]
        for call in (lambda: service.get(counting.name), service.start, lambda: service.set(counting.name, 1)):
            with pytest.raises(ConnectionLost, match=refusal):
                call()
        service.schedule(lambda: service.send(MsgAlert.create("scheduled", "x")), time=datetime.now())
        time.sleep(0.3)  # long enough for a scheduler and a heartbeat, if there were any
        service.stop()
        return str(said)

    assert in_fork(calls) == "[False, True]"
    with client(mesh) as interface:
        for number in range(20):
            assert interface.set(counting.name, number) is not None
    assert counting.seen == list(range(20)), "a request was answered twice, or not at all"
    service.send(MsgAlert.create("after", "x"))
    assert eventually(lambda: "after" in hearing.heard)
    assert hearing.heard == ["before", "after"]


def test_a_child_that_outlives_a_service_does_not_keep_its_spool(tmp_path):
    """The lock of the folder goes with the process that took it."""
    from dripline.runtime.spool import Spool

    spool = Spool(tmp_path)
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        os.write(tell, b".")
        time.sleep(20)
        os._exit(0)
    try:
        os.read(told, 1)  # the child is running, and has let go of the lock
        spool.close()
        Spool(tmp_path).close()
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_a_service_that_was_only_made_can_run_in_a_child(mesh):
    """Made here, started there: it is the child's."""
    service = Service(mesh.name("made"), **mesh.login)
    name = service.name
    with client(mesh) as interface:

        def child() -> str:
            service.start()
            return str(interface.cmd(name, "ping"))

        assert in_fork(child) == "None"


def test_what_cannot_be_sent_to_another_process_says_so():
    """A service in one line; an `Interface` of any kind can be sent, and is as it was."""
    service = Service("x", make_connection=False)
    with pytest.raises(TypeError, match=r"^service 'x' cannot be sent to another process: make it there"):
        pickle.dumps(service)
    sent = Interface("me", "secret", {"broker": "lab"}, timeout_s=3, confirm_retcodes=False)
    came = pickle.loads(pickle.dumps(sent))
    assert (came.username, came.password, came.address, came.timeout_s) == ("me", "secret", "lab", 3)
    assert came.confirm_retcodes is False
    old = pickle.loads(pickle.dumps(Interface(dripline_config={"broker": "lab"})))
    assert old._Interface__answers_as_version_4
