"""From the name of a class to the class."""

from __future__ import annotations

import logging
import sys

import pytest

from dripline.core.entity import Entity
from dripline.discovery.class_finder import class_finder
from dripline.errors import ConfigurationError
from dripline.implementations import KeyValueStore
from dripline.wire.sender import sender_info

ENTITY = "from dripline.core import Entity\nclass {name}(Entity): pass\n"


def _refused(finder, name: str, module_path: str | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        finder.find(name, module_path)
    return str(caught.value)


def test_ready_made_classes_are_found(finder):
    """Implementations and core."""
    assert finder.find("KeyValueStore") is KeyValueStore
    assert finder.find("Entity") is Entity


@pytest.mark.parametrize(
    "name", ["dripline.implementations.KeyValueStore", "implementations.KeyValueStore", "core.Entity"]
)
def test_a_part_of_dripline_may_be_named(finder, name):
    """`package.Class` picks one of several."""
    assert finder.find(name) in (KeyValueStore, Entity)


def test_an_extension_is_imported_only_when_a_class_of_it_is_wanted(extensions, finder):
    """Another one stays where it is, even a broken one."""
    extensions(
        {
            "dripline/extensions/wanted.py": ENTITY.format(name="Wanted"),
            "dripline/extensions/other.py": "raise RuntimeError('imported')\nclass Other: pass\n",
        }
    )
    assert finder.find("Wanted").__module__ == "dripline.extensions.wanted"
    assert "dripline.extensions.other" not in sys.modules
    assert finder.failures == {}


def test_an_extension_goes_before_what_is_ready_made(extensions, finder):
    """A laboratory may replace `KeyValueStore`; `package.Class` still picks the other."""
    extensions({"dripline/extensions/kve.py": ENTITY.format(name="KeyValueStore")})
    assert finder.find("KeyValueStore").__module__ == "dripline.extensions.kve"
    assert finder.find("dripline.implementations.KeyValueStore") is KeyValueStore


def test_a_file_goes_before_everything(extensions, finder, tmp_path):
    """`module_path` names it; what it does not hold is looked for elsewhere."""
    extensions({"dripline/extensions/pumps.py": ENTITY.format(name="Pump")})
    file = tmp_path / "my_pump.py"
    file.write_text(ENTITY.format(name="Pump"))
    found = finder.find("Pump", str(file))
    assert found.__module__ == "dripline_module_path_my_pump"
    assert finder.find("Pump", str(file)) is found
    assert finder.find("KeyValueStore", str(file)) is KeyValueStore
    assert finder.find("Pump").__module__ == "dripline.extensions.pumps"


def test_of_two_extensions_the_first_is_taken_with_a_warning(extensions, finder, caplog):
    """In the order of the import path, then of names; `package.Class` picks the other."""
    extensions(
        {
            "dripline/extensions/a_pumps.py": ENTITY.format(name="Pump"),
            "dripline/extensions/b_pumps.py": ENTITY.format(name="Pump"),
        }
    )
    with caplog.at_level(logging.WARNING):
        assert finder.find("Pump").__module__ == "dripline.extensions.a_pumps"
        assert finder.find("Pump").__module__ == "dripline.extensions.a_pumps"
    assert caplog.messages == [
        "class 'Pump' is in the extensions 'a_pumps' and 'b_pumps'; that of 'a_pumps' is taken, "
        "'module: b_pumps.Pump' names another"
    ]
    assert finder.find("b_pumps.Pump").__module__ == "dripline.extensions.b_pumps"


def test_an_entry_point_may_name_a_class(extensions, finder):
    """By its own name, or by the class's."""
    extensions(
        {
            "lab_pumps.py": "class VacuumPump: pass\n",
            "lab-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n",
            "lab-1.0.dist-info/entry_points.txt": "[dripline.extensions]\n"
            "Pump = lab_pumps:VacuumPump\nGone = lab_pumps:Gone\n",
        }
    )
    assert finder.find("Pump") is finder.find("VacuumPump")
    assert finder.find("Pump").__module__ == "lab_pumps"
    assert _refused(finder, "Gone") == (
        "class 'Gone' is in extension 'Gone' from lab 1.0, which fails: "
        "its entry point names 'Gone', which 'lab_pumps' does not have"
    )


def test_the_version_of_an_extension_goes_into_messages(extensions, finder):
    """Its own `version`, or that of its distribution."""
    extensions(
        {
            "dripline/extensions/own.py": "import scarab\nversion = scarab.VersionSemantic()\n"
            "version.parse('1.2.3')\nversion.package = 'lab/own'\nclass Own: pass\n",
            "dripline/extensions/plain.py": "version = '4.5'\nclass Plain: pass\n",
            "dripline/extensions/none.py": "class Versionless: pass\n",
            "lab_far.py": "class Far: pass\n",
            "far-6.7.dist-info/METADATA": "Metadata-Version: 2.1\nName: far\nVersion: 6.7\n",
            "far-6.7.dist-info/entry_points.txt": "[dripline.extensions]\nfar = lab_far\n",
        }
    )
    for name in ("Own", "Plain", "Versionless", "Far"):
        finder.find(name)
    versions = sender_info()["versions"]
    assert versions["dripline.extensions.own"] == {"version": "1.2.3", "package": "lab/own"}
    assert versions["dripline.extensions.plain"] == {"version": "4.5"}
    assert versions["dripline.extensions.far"] == {"version": "6.7"}
    assert "dripline.extensions.none" not in versions


def test_classes_that_are_not_exported_are_the_last_resort(extensions, finder):
    """Also in packages whose `__all__` only running them can tell."""
    extensions(
        {
            "dripline/extensions/shy.py": "__all__ = []\nHidden = type('Hidden', (), {})\n",
            "dripline/extensions/dynamic.py": "class Made: pass\n__all__ = [name for name in dir()]\n",
        }
    )
    assert finder.find("Hidden").__name__ == "Hidden"
    assert finder.find("Made").__name__ == "Made"


def test_a_class_of_any_module_may_be_named(extensions, finder):
    """With its full name."""
    extensions({"lab_tools.py": "class Tool: pass\n"})
    assert finder.find("lab_tools.Tool").__name__ == "Tool"


def test_an_extension_that_fails_is_told_by_name_with_its_reason(extensions, finder, caplog):
    """Once in the log, and in the message about the class."""
    extensions(
        {"dripline/extensions/needy/__init__.py": "import json\nimport no_such_library\nclass Needy: pass\n"}
    )
    reason = "ModuleNotFoundError: No module named 'no_such_library' (needy/__init__.py:2)"
    with caplog.at_level(logging.WARNING):
        assert _refused(finder, "Needy") == f"class 'Needy' is in extension 'needy', which fails: {reason}"
        assert _refused(finder, "needy.Needy").endswith(f" is in extension 'needy', which fails: {reason}")
    assert caplog.messages == [f"extension 'needy' cannot be imported: {reason}"]
    assert finder.failures == {"needy": reason}


def test_an_extension_that_ends_the_program_only_fails(extensions, finder):
    """`sys.exit` at import is an extension's fault like any other."""
    extensions({"dripline/extensions/rude.py": "import sys\nsys.exit('no')\nclass Rude: pass\n"})
    assert "which fails: SystemExit: no (extensions/rude.py:2)" in _refused(finder, "Rude")


def test_a_broken_extension_disturbs_no_other(extensions, finder, caplog):
    """Neither ready-made classes nor other extensions; and it has no say in whose class is taken."""
    extensions(
        {
            "dripline/extensions/broken.py": "class A(: pass\n",
            "dripline/extensions/failing.py": "class Pump: pass\nraise ValueError('no')\n",
            "dripline/extensions/working.py": ENTITY.format(name="Pump"),
        }
    )
    assert finder.find("KeyValueStore") is KeyValueStore
    assert finder.find("Pump").__module__ == "dripline.extensions.working"
    assert caplog.messages == ["extension 'failing' cannot be imported: ValueError: no (extensions/failing.py:2)"]
    assert finder.failures == {
        "broken": "SyntaxError: invalid syntax (extensions/broken.py:1)",
        "failing": "ValueError: no (extensions/failing.py:2)",
    }


def test_an_unknown_class_is_told_with_near_ones_and_what_fails(extensions, finder):
    """Perhaps the class is in the extension that fails."""
    extensions({"dripline/extensions/broken.py": "class A(: pass\n"})
    assert _refused(finder, "KeyValueStor") == (
        "no class 'KeyValueStor' in any extension, dripline.implementations or dripline.core; "
        "did you mean 'KeyValueStore'? "
        "(extensions that fail: broken: SyntaxError: invalid syntax (extensions/broken.py:1))"
    )


def test_names_of_extension_classes_are_offered_too(extensions, finder):
    """Without importing any."""
    extensions({"dripline/extensions/pumps.py": "class TurboPump: pass\nraise RuntimeError\n"})
    assert "did you mean 'TurboPump'?" in _refused(finder, "TurbPump")
    assert "dripline.extensions.pumps" not in sys.modules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "'module' must be the name of a class, not ''"),
        (5, "'module' must be the name of a class, not 5"),
        ("json.dumps", "'json.dumps' is no class but <function dumps"),
        ("no_such_package.Class", "no class 'no_such_package.Class' in any extension"),
    ],
)
def test_names_that_are_no_classes_are_refused(finder, name, message):
    """In one line."""
    assert message in _refused(finder, name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "module_path: there is no file 'mine.py'"),
        ("class A(: pass", "module_path: 'mine.py' fails: SyntaxError: invalid syntax"),
        ("import os\nraise KeyError('port')", "module_path: 'mine.py' fails: KeyError: 'port' (place/mine.py:2)"),
        ("x = 1", "no class 'Mine' in mine.py, any extension, dripline.implementations or dripline.core"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(finder, tmp_path, monkeypatch, text, message):
    """As it was written in the configuration."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    if text is not None:
        (folder / "mine.py").write_text(text)
    assert _refused(finder, "Mine", "mine.py").startswith(message)


def test_a_program_has_one_finder():
    """Extensions are imported once, and failures told once."""
    assert class_finder() is class_finder()


def _installed(name: str, version: str, path: str) -> dict[str, str]:
    """What `pip install` writes down about a distribution that brought one file of the namespace."""
    folder = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    return {f"{folder}/METADATA": metadata, f"{folder}/RECORD": f"dripline/extensions/{path},,\n"}


def test_the_warning_about_a_choice_tells_who_brought_the_two(extensions, finder, caplog):
    """So that one of them can be told, or removed."""
    extensions(
        {
            "dripline/extensions/a_pumps.py": ENTITY.format(name="Pump"),
            "dripline/extensions/b_pumps.py": ENTITY.format(name="Pump"),
            **_installed("lab-a", "1.0", "a_pumps.py"),
            **_installed("lab-b", "2.0", "b_pumps.py"),
        }
    )
    finder.find("Pump")
    (message,) = caplog.messages
    assert "'a_pumps' from lab-a 1.0 and 'b_pumps' from lab-b 2.0" in message
    assert finder.find("lab_b.Pump").__module__ == "dripline.extensions.b_pumps"


def test_the_order_is_that_of_the_import_path_and_then_of_names(extensions, finder, tmp_path, monkeypatch):
    """Packages of the namespace, packages and classes of entry points, the namespace's own file."""
    entry = "[dripline.extensions]\nfar = lab_far\nPump = lab_single:Pump\n"
    extensions(
        {
            "dripline/extensions/b.py": ENTITY.format(name="Pump"),
            "dripline/extensions/c.py": ENTITY.format(name="Pump"),
            "dripline/extensions/__init__.py": ENTITY.format(name="Pump"),
            "lab_far.py": ENTITY.format(name="Pump"),
            "lab_single.py": ENTITY.format(name="Pump"),
            **_installed("lab", "1", "b.py"),
            "lab-1.dist-info/entry_points.txt": entry,
        }
    )
    extensions({"dripline/extensions/a.py": ENTITY.format(name="Pump")}, root="behind")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "behind")])
    owners = [extension.name for extension in finder.index.exporting("Pump")]
    assert owners == ["b", "c", "a", "far", "Pump", "extensions"]
    assert finder.find("Pump").__module__ == "dripline.extensions.b"


def test_one_class_that_two_extensions_offer_is_no_conflict(extensions, finder, caplog):
    """One takes it from the other, or an entry point announces it once more."""
    extensions(
        {
            "dripline/extensions/common.py": ENTITY.format(name="Pump"),
            "dripline/extensions/offers.py": "from dripline.extensions.common import Pump\n__all__ = ['Pump']\n",
            "dripline/extensions/a_offers.py": "from dripline.extensions.zed import Valve\n__all__ = ['Valve']\n",
            "dripline/extensions/zed.py": ENTITY.format(name="Valve"),
            **_installed("lab", "1", "common.py"),
            "lab-1.dist-info/entry_points.txt": "[dripline.extensions]\nPump = dripline.extensions.common:Pump\n",
        }
    )
    assert finder.find("Pump").__module__ == "dripline.extensions.common"
    assert finder.find("Valve").__module__ == "dripline.extensions.zed"
    assert caplog.messages == []


def test_a_class_in_the_namespaces_own_file_is_found(extensions, finder):
    """Some packages define it right there; what the file takes from others is theirs."""
    extensions(
        {
            "dripline/extensions/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
            "from dripline.core import Entity\nfrom .pumps import Pump\nclass Direct(Entity): pass\n",
            "dripline/extensions/pumps.py": ENTITY.format(name="Pump"),
        }
    )
    found = finder.find("Direct")
    assert found.__module__ == "dripline.extensions"
    assert finder.find("extensions.Direct") is found
    assert finder.find("Pump").__module__ == "dripline.extensions.pumps"
    import dripline.extensions

    assert dripline.extensions.Direct is found


def test_a_namespace_file_that_breaks_disturbs_nobody(extensions, finder):
    """Nor does one without classes stand in any list."""
    extensions(
        {
            "dripline/extensions/__init__.py": "import no_such_library\nclass Direct: pass\n",
            "dripline/extensions/pumps.py": ENTITY.format(name="Pump"),
        }
    )
    assert finder.find("Pump").__name__ == "Pump"
    assert "which fails: ModuleNotFoundError: No module named 'no_such_library'" in _refused(finder, "Direct")


def test_what_is_no_class_gives_way_to_one_that_is(extensions, finder):
    """An extension may export functions; only who asks for one is told."""
    extensions(
        {
            "dripline/extensions/a.py": "__all__ = ['Pump', 'Valve']\ndef Pump(): pass\ndef Valve(): pass\n",
            "dripline/extensions/b.py": ENTITY.format(name="Pump"),
        }
    )
    assert finder.find("Pump").__module__ == "dripline.extensions.b"
    message = _refused(finder, "Valve")
    assert message.startswith("'Valve' is no class but <function Valve at ")
    assert message.endswith("; extension 'a' must give that name to a class")


def test_a_missing_name_of_all_is_an_error_for_who_asks_and_else_a_warning(extensions, finder, caplog):
    """With the package's own words."""
    extensions(
        {"dripline/extensions/gap.py": "__all__ = ['Pump', 'Gone']\n" + ENTITY.format(name="Pump")},
    )
    assert finder.find("Pump").__name__ == "Pump"
    assert finder.find("gap.Pump").__name__ == "Pump"
    assert caplog.messages == [
        "extension 'gap': __all__ names 'Gone', which is not there; define it, or take it out of __all__"
    ]
    assert _refused(finder, "Gone") == (
        "class 'Gone' is not there, though __all__ of extension 'gap' names it; "
        "define it, or take it out of __all__"
    )


def test_a_disabled_extension_is_passed_over(extensions, monkeypatch):
    """The next one is taken without a warning; who asks for what it alone has is told by whom it is disabled."""
    extensions(
        {
            "dripline/extensions/a.py": "raise RuntimeError\nclass Pump: pass\nclass Only: pass\n",
            "dripline/extensions/b.py": ENTITY.format(name="Pump"),
        }
    )
    monkeypatch.setenv("DRIPLINE_DISABLE_EXTENSIONS", " a ,x")
    finder = class_finder()
    assert finder.find("Pump").__module__ == "dripline.extensions.b"
    for name in ("Only", "a.Only", "dripline.extensions.a.Only"):
        assert _refused(finder, name) == (
            f"class {name!r} is in extension 'a', which is disabled by DRIPLINE_DISABLE_EXTENSIONS"
        )
    assert "Only" not in finder.known_names()
    (extension,) = finder.index.named("a")
    assert finder.load(extension) is None
    assert finder.failures == {}


def test_a_module_that_fails_for_a_qualified_name_is_told(extensions, finder):
    """Whatever it raises."""
    extensions({"lab_bad.py": "raise ValueError('no')\n", "lab_needy.py": "import no_such_library\n"})
    assert _refused(finder, "lab_bad.Tool").startswith("'lab_bad' cannot be imported: ValueError: no")
    assert "No module named 'no_such_library'" in _refused(finder, "lab_needy.Tool")


def test_parts_that_fail_when_they_are_named_are_told(extensions, finder):
    """Packages may import their parts late, as dripline does."""
    extensions(
        {
            "dripline/extensions/late.py": "__all__ = ['Pump']\n"
            "def __getattr__(name):\n    if name == 'Pump':\n        raise OSError('no device')\n"
            "    raise AttributeError(name)\n"
        }
    )
    assert "class 'Pump' is in extension 'late', which fails: OSError: no device" in _refused(finder, "Pump")
