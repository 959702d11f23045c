"""What `dl demo` says at its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dripline.programs.output import terminal_size

if TYPE_CHECKING:
    from dripline.programs.demo_mesh import DemoMesh
    from dripline.programs.session import Session


def introduction(mesh: DemoMesh, session: Session, dl: str, url: str | None, kept: bool) -> str:
    """What runs where, and what to try.

    Args:
        mesh: what runs.
        session: of one of the services.
        dl: how `dl` is called to reach the mesh.
        url: where the mesh is offered over HTTP; None when it is not.
        kept: whether the files stay.
    """
    counts = f"{len(mesh.services())} services and {len(mesh.instruments)} simulated instruments"
    lines = [f"A mesh of {counts}, on this machine only."]
    lines += _table(
        ("broker", f"localhost:{session.mesh.broker_port}, embedded"),
        ("instruments", ", ".join("{}:{}".format(*found.reachable_at) for found in mesh.instruments.values())),
        ("web page", f"{url}/dl lists the endpoints, as JSON" if url else ""),
        ("database", str(mesh.database or "")),
        ("files", f"{mesh.folder.resolve()}{'' if kept else ' (--folder NAME keeps them)'}"),
        ("left out", "; ".join(mesh.left_out)),
    )
    lines += ["", "Try in another terminal:"]
    lines += _table(
        (f"{dl} get room_temperature", "read an instrument"),
        (f"{dl} set supply_voltage 5", "set one, and see load_power follow"),
        (f"{dl} set peaches 2.5", "a value that is logged when it is set"),
        (f"{dl} cmd trembling update_seed 7", "call a method of your own class"),
        (f"{dl} get watchdog", "who is on the mesh"),
    )
    lines += [f"  curl {url}/dl/room_temperature"] if url else []
    return "\n".join([*lines, "", "Ctrl-C ends it all.", ""])


def conclusion(mesh: DemoMesh, kept: bool) -> str:
    """What is left of the demonstration.

    Args:
        mesh: What ran.
        kept: Whether the files stay.
    """
    if not kept:
        return "The demo has ended; its files are deleted."
    return f"The demo has ended. Its files are in {mesh.folder.resolve()}; README.md there shows how to run them."


def _table(*rows: tuple[str, str]) -> Sequence[str]:
    """Two columns; where they would not fit, what is in the second stands under the first."""
    shown = [row for row in rows if all(row)]
    width = max(len(first) for first, _ in shown)
    if 4 + width + max(len(second) for _, second in shown) > terminal_size().columns and width > 24:
        return [line for first, second in shown for line in (f"  {first}", f"      {second}")]
    return [f"  {first.ljust(width)}  {second}" for first, second in shown]
