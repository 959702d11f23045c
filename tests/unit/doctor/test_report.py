"""The list of findings, and what is read from answers that anybody may have sent."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dripline
from dripline.cli.doctor import line_of, verdict
from dripline.doctor import installation
from dripline.doctor.broker import _other_peer
from dripline.doctor.replies import TimedReply, offset_of, record_clocks, seconds_of
from dripline.doctor.report import BROKER, CONFIGURATION, SERVICE, DoctorOptions, Report
from dripline.doctor.services import facts_of, names_in
from dripline.programs.common_options import CommonOptions
from dripline.transport.address import BrokerAddress
from dripline.wire.message import MsgReply

NOON = seconds_of("2026-11-21T12:00:00.000000Z")

json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


def answer(timestamp: str = "", took_s: float = 0.0, name: str = "store", sender: object = None) -> TimedReply:
    """A reply to a ping that was sent at noon."""
    reply = MsgReply.create()
    reply.timestamp = timestamp
    reply.sender_info = sender if sender is not None else {"hostname": "lab"}  # type: ignore[assignment]  # a reply may bring anything
    return TimedReply(name, reply, None, NOON or 0.0, took_s)


class TestReport:
    """What all examinations write to."""

    def test_the_exit_code_is_that_of_the_first_broken_link(self):
        """Whatever is broken behind it; warnings break nothing."""
        report = Report()
        report.recorder("configuration", CONFIGURATION).warning("old key", "edit it")
        assert report.exit_code == 0
        report.recorder("login", BROKER).broken("refused", "-u NAME")
        report.recorder("services", SERVICE).broken("silent")
        assert report.exit_code == 1
        assert verdict(report).splitlines() == ["the first broken link: login: refused", "try: -u NAME"]

    def test_each_finding_is_told_at_once(self):
        """So that a person sees where it hangs."""
        told = []
        report = Report(told.append)
        report.recorder("address", BROKER).ok("open", port=5672)
        assert [line_of(finding) for finding in told] == ["ok       address       open"]
        assert report.as_json()["findings"][0]["facts"] == {"port": 5672}

    @given(st.text())
    def test_a_finding_is_one_line_whatever_a_peer_said(self, text):
        """No line breaks, no sequences for terminals."""
        report = Report()
        report.recorder("services", SERVICE).broken(text, text)
        line = line_of(report.findings[0])
        assert line.isprintable()
        json.dumps(report.as_json()).encode()

    @pytest.mark.parametrize(
        ("warnings", "told"),
        [(0, "all is well"), (1, "nothing is broken; 1 warning"), (2, "nothing is broken; 2 warnings")],
    )
    def test_the_verdict_counts_the_warnings(self, warnings, told):
        """Nothing is broken by them."""
        report = Report()
        for _ in range(warnings):
            report.recorder("clock", SERVICE).warning("late")
        assert verdict(report) == told


class TestDoctorOptions:
    """The words of the command line."""

    def test_files_are_told_from_services(self, tmp_path, monkeypatch):
        """By their ending, a separator, or that they are there; the first one names the mesh."""
        (tmp_path / "store").write_text("name: store\n")
        monkeypatch.chdir(tmp_path)
        words = ["my_store", "missing.yaml", "lab/other", "store", "my_store"]
        wanted = DoctorOptions.of(words, CommonOptions(), 1, 30)
        assert (wanted.services, wanted.files) == (["my_store"], ["missing.yaml", "lab/other", "store"])
        assert wanted.common.config == "missing.yaml"

    def test_an_option_says_which_mesh(self):
        """Before any file does."""
        wanted = DoctorOptions.of(["a.yaml"], CommonOptions(config="mesh.yaml"), 1, 30)
        assert wanted.common.config == "mesh.yaml"


class TestClock:
    """Clocks of services against ours."""

    @pytest.mark.parametrize(
        ("timestamp", "took_s", "offset"),
        [
            ("2026-11-21T12:00:00.500000Z", 1.0, 0.0),
            ("2026-11-21T12:00:05.000000Z", 1.0, 4.0),
            ("2026-11-21T11:59:50.000000Z", 1.0, -10.0),
            ("2026-11-21T14:00:00+02:00", 0.0, 0.0),
            ("2026-11-21T12:00:00", 0.0, 0.0),
            ("yesterday", 0.0, None),
            ("", 0.0, None),
        ],
    )
    def test_what_the_way_may_have_taken_is_no_offset(self, timestamp, took_s, offset):
        """A slow mesh must not make clocks look wrong."""
        assert offset_of(answer(timestamp, took_s)) == (None if offset is None else pytest.approx(offset))

    def test_when_all_clocks_differ_alike_ours_is_wrong(self):
        """One service alone tells nothing of the kind."""
        report = Report()
        late = "2026-11-21T12:01:00.000000Z"
        record_clocks(report.recorder("clock", SERVICE), [answer(late, name="a"), answer(late, name="b")])
        assert [finding.state for finding in report.findings] == ["warning", "warning"]
        assert "probably ours is wrong" in report.findings[0].text
        report = Report()
        record_clocks(report.recorder("clock", SERVICE), [answer(late)])
        assert report.findings[0].text == "the clock of store on lab is 60.0 s ahead of ours"

    @given(st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?[Z+-].*"))
    def test_a_timestamp_may_be_anything(self, text):
        """Then there is no time in it."""
        assert seconds_of(text) is None or isinstance(seconds_of(text), float)


class TestAnswers:
    """What comes from the mesh may be anything."""

    @given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"\x01\0\0" + tail))
    def test_bytes_that_are_no_greeting_of_a_broker(self, data):
        """Whatever they are, a person reads one line about them."""
        text, remedy = _other_peer(BrokerAddress("127.0.0.1", 1), data, 0.1)
        assert text.startswith(("127.0.0.1:1 ", "an HTTP server"))
        assert remedy

    @given(json_values | st.fixed_dictionaries({"endpoints": json_values}))
    def test_lists_of_endpoints(self, payload):
        """Only names that are text and not empty."""
        assert all(isinstance(name, str) and name for name in names_in(payload))

    @given(st.dictionaries(st.sampled_from(["versions", "hostname", "service_name", "exe"]), json_values))
    def test_what_a_service_says_of_itself(self, sender):
        """It is shown as text."""
        facts = facts_of(answer(sender=sender))
        assert isinstance(facts["version"], str)
        assert isinstance(facts["host"], str)


class TestInstallation:
    """Packages that must be ours."""

    def test_here_all_are_ours(self):
        """The installation in which the tests run is well."""
        report = Report()
        assert installation.examine_installation(report.recorder("installation", CONFIGURATION))
        assert report.first_broken is None, report.first_broken

    def test_a_scarab_that_was_overwritten_is_found_by_what_it_lacks(self, tmp_path, monkeypatch):
        """With pip, the program of that name is written over ours, in the same folder."""
        (tmp_path / "scarab").mkdir()
        file = tmp_path / "scarab" / "__init__.py"
        file.write_text("def main():\n    print('an unrelated program')\n")
        monkeypatch.setattr(installation, "our_folder", lambda: str(tmp_path.resolve()))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "scarab")
        report = Report()
        assert not installation.look_at_scarab(report.recorder("installation", CONFIGURATION))
        assert "was overwritten by another program" in report.findings[0].text
        assert "--force-reinstall" in report.findings[0].remedy

    def test_a_folder_that_hides_dripline_is_named(self, tmp_path, monkeypatch):
        """A folder `dripline` without `__init__.py` does so where dripline is installed with `pip install -e`."""
        monkeypatch.setattr(dripline, "__file__", None)
        monkeypatch.setattr(dripline, "__path__", [str(tmp_path / "dripline"), *dripline.__path__])
        report = Report()
        assert not installation.examine_installation(report.recorder("installation", CONFIGURATION))
        assert f"is hidden by {tmp_path.resolve() / 'dripline'}" in report.findings[-1].text

    def test_an_old_pkg_resources_that_cannot_be_imported_is_told(self, tmp_path, monkeypatch):
        """As that of an old setuptools on a new Python."""
        (tmp_path / "pkg_resources.py").write_text("import pkgutil\npkgutil.ImpImporterOfOld\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "pkg_resources", raising=False)
        report = Report()
        installation.look_at_pkg_resources(report.recorder("installation", CONFIGURATION))
        assert report.findings[0].state == "warning"
        assert report.findings[0].remedy == "pip install --upgrade setuptools"
