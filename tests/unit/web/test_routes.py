"""Which files of `web_root` are served: none that is hidden, none outside."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.web.api.routes import find_page

SERVED = {"index.html", "panel/chart.js", "panel/with space.txt", "panel/a.b.c", "inside.html"}
HIDDEN = [
    ".env", ".git/config", "panel/.htpasswd", "panel/chart.js~", "old~/page.html", "to_secret.html",
    "to_folder/s.html", "to_hidden.html", "loop.html", "panel", "panel/", "", "/", "//index.html",
    "panel//chart.js", "./index.html", "panel/../index.html", "../pages/index.html", "..",
    "\\index.html", "panel\\chart.js", "..\\secret.html", "index.html\0", "index.html\0.png",
    "index.html/", "index.html/x", "%2e%2e/secret.html", "%2eenv", "x" * 5000, "pipe", "/etc/passwd",
    "//etc/passwd", "~", "\udcff",
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pages, hidden files, and links of all kinds; secrets beside it."""
    outside = tmp_path_factory.mktemp("outside")
    root = outside / "pages"
    for name in (*SERVED, ".env", ".git/config", "panel/.htpasswd", "panel/chart.js~", "old~/page.html"):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (outside / "secret.html").write_text("secret")
    (outside / "folder").mkdir()
    (outside / "folder" / "s.html").write_text("secret")
    (root / "to_secret.html").symlink_to(outside / "secret.html")
    (root / "to_folder").symlink_to(outside / "folder")
    (root / "to_hidden.html").symlink_to(root / ".env")
    (root / "inside.html").unlink()
    (root / "inside.html").symlink_to(root / "index.html")
    (root / "loop.html").symlink_to(root / "loop.html")
    os.mkfifo(root / "pipe")
    return root


@pytest.mark.parametrize("path", sorted(SERVED))
def test_pages_are_served(root, path) -> None:
    """A link that stays inside, too."""
    found = find_page(root, path)
    assert found is not None
    assert found.is_file()


@pytest.mark.parametrize("path", HIDDEN)
def test_what_is_hidden_or_outside_is_not(root, path) -> None:
    """However it is written."""
    assert find_page(root, path) is None


_PIECES = st.sampled_from(
    ["index.html", "panel", "chart.js", ".env", ".git", "config", "..", ".", "", "~", "secret.html", "to_folder",
     "/", "\\", "\0", "%2e", "%2f", "%5c", "%00", "%252e", "root", "folder", "s.html", "to_hidden.html", "ü", " "]
)  # fmt: skip


@given(
    st.one_of(st.text(), st.lists(_PIECES, max_size=8).map("/".join), st.lists(_PIECES, max_size=8).map("".join))
)
def test_any_path_leads_to_a_page_or_to_nothing(root, path) -> None:
    """Nothing is raised, nothing outside and nothing hidden is found; decoded once or twice."""
    for asked in (path, unquote(path), unquote(unquote(path))):
        found = find_page(root, asked)
        assert found is None or str(found.relative_to(root)) in SERVED


def test_a_folder_below_a_hidden_one_is_served(tmp_path) -> None:
    """Only what is inside of `web_root` counts."""
    root = tmp_path / ".local" / "web"
    root.mkdir(parents=True)
    (root / "index.html").write_text("")
    assert find_page(root, "index.html") == root / "index.html"
    assert find_page(tmp_path / "gone", "index.html") is None
