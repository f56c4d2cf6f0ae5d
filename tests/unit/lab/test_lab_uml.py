"""User Mode Linux: its command line and its management console."""

import socket
import struct
import threading
from pathlib import Path

import pytest

from initpy.lab.errors import LabError
from initpy.lab.machine import Drive, MachineSpec
from initpy.lab.mconsole import tell
from initpy.lab.uml import command_line
from initpy.scenario.model import MachineKind

SPEC = MachineSpec(
    Path("linux.uml"),
    Path("initrd"),
    "root=x console=ttyS0",
    kind=MachineKind.UML,
    drives=(Drive("a", Path("a.raw"), plugs=1), Drive("b", Path("b.raw"), present=False, plugs=2)),
)


def test_each_disk_has_a_slot_for_each_time_that_it_is_plugged_in() -> None:
    words = command_line(SPEC, Path("/f"), 1)
    assert [word for word in words if word.startswith("virtio_uml")] == [
        "virtio_uml.device=/f/a.0:2:0",
        "virtio_uml.device=/f/a.1:2:1",
        "virtio_uml.device=/f/b.1:2:2",
        "virtio_uml.device=/f/b.2:2:3",
    ]


def test_the_machine_runs_on_one_processor_and_ends_with_its_namespace() -> None:
    words = command_line(SPEC, Path("/f"), 1)
    assert words[words.index("--cpu-list") + 1] == "1"
    assert "--kill-child" in words
    assert words[-2:] == ["root=x", "console=ttyS0"]


def _kernel(path: Path, answers: list[tuple[int, int, str]]) -> list[bytes]:
    """Yield a management console with these answers, and the list of its requests."""
    told: list[bytes] = []
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(path))

    def answer() -> None:
        with listening:
            request, sender = listening.recvfrom(4096)
            told.append(request)
            for error, more, text in answers:
                data = text.encode() + b"\0"
                listening.sendto(struct.pack("<III", error, more, len(data)) + data, sender)

    threading.Thread(target=answer, daemon=True).start()
    return told


def test_a_command_is_one_datagram_and_its_answer_may_be_several(tmp_path: Path) -> None:
    told = _kernel(tmp_path / "mconsole", [(0, 1, "OK "), (0, 0, "done")])
    assert tell(tmp_path / "mconsole", "sysrq t") == "OK done"
    magic, version, length = struct.unpack_from("<III", told[0])
    assert (magic, version, told[0][12 : 12 + length]) == (0xCAFEBABE, 2, b"sysrq t")


def test_a_command_that_the_kernel_rejects_is_an_error(tmp_path: Path) -> None:
    _kernel(tmp_path / "mconsole", [(1, 0, "Unknown command")])
    with pytest.raises(LabError, match="nonsense: Unknown command"):
        tell(tmp_path / "mconsole", "nonsense")


def test_a_machine_that_has_ended_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="User Mode Linux: cad"):
        tell(tmp_path / "mconsole", "cad")
