"""The error queue and the event register."""

from dripline.simulation.status import COMMAND_ERROR, EXECUTION_ERROR, POWER_ON, ScpiError, Status


def test_errors_come_out_in_order():
    """Each once, and then none."""
    status = Status()
    status.add(ScpiError(-113, "FOO?"))
    status.add(ScpiError(-222))
    assert status.error_count() == 2
    assert status.next_error() == '-113,"Undefined header; FOO?"'
    assert status.next_error() == '-222,"Data out of range"'
    assert status.next_error() == '0,"No error"'


def test_the_queue_is_bounded():
    """The last place tells that there were more."""
    status = Status()
    for _ in range(100):
        status.add(ScpiError(-113))
    entries = [status.next_error() for _ in range(status.error_count())]
    assert len(entries) == 20
    assert entries[-1] == '-350,"Queue overflow"'


def test_what_a_client_wrote_cannot_break_the_answer():
    """No quotes, no ends of lines, and not too much of it."""
    status = Status()
    status.add(ScpiError(-113, 'a"\n\x00' + "b" * 1000))
    entry = status.next_error()
    assert entry.startswith("-113,\"Undefined header; a'??b")
    assert len(entry) < 100


def test_the_event_register_is_cleared_by_reading():
    """It tells of power on at first."""
    status = Status()
    assert status.take_events() == POWER_ON
    status.add(ScpiError(-113))
    status.add(ScpiError(-222))
    assert status.take_events() == COMMAND_ERROR | EXECUTION_ERROR
    assert status.take_events() == 0


def test_the_status_byte_sums_up():
    """Errors wait: 4; an event that is enabled: 32; one that asks for service: 64."""
    status = Status()
    status.clear()
    assert status.status_byte() == 0
    status.add(ScpiError(-113))
    assert status.status_byte() == 4
    status.event_enable, status.service_request_enable = COMMAND_ERROR, 32
    assert status.status_byte() == 4 + 32 + 64
