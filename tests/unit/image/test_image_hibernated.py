"""The device of a hibernated system, as initramfs-tools chooses it (hooks/resume)."""

import pytest
from fake_system import FakeSystem, nested, virtio_disk

from initpy.config.settings import read_settings
from initpy.image.check import resuming
from initpy.image.check.proof import Verdict
from initpy.image.stack.describe import describe
from initpy.image.stack.hostonly import is_for
from initpy.image.stack.layers import RESUME, Stack, without_resume

CONF = "/etc/initramfs-tools/conf.d/resume"
SELF, FIRST = "/proc/self/mountinfo", "/proc/1/mountinfo"
HEAD = "Filename Type Size Used Priority\n"


def machine(**texts: str) -> FakeSystem:
    """Return a machine with a nested root and three swaps, of which `vde` is the largest."""
    system = nested()
    for slot, (name, size) in enumerate((("vdd", "2048"), ("vde", "8192"), ("vdf", "4096")), 7):
        virtio_disk(
            system,
            name,
            slot,
            ID_FS_TYPE="swap",
            ID_FS_UUID_ENC=f"5a{name}",
            ID_FS_UUID=f"5a{name}",
        )
        system.texts[f"{system.links[f'/sys/class/block/{name}']}/size"] = f"{size}\n"
    system.texts |= texts
    return system


def swaps(stack: Stack) -> list[str]:
    return [layer.name for layer in stack.layers if layer.fact(RESUME)]


@pytest.mark.parametrize("said", ["UUID=5avdd", "/dev/vdd"])
def test_the_named_device_counts(said: str) -> None:
    stack = describe("/", machine(**{CONF: f"RESUME={said}\n", "/etc/fstab": "/dev/vde - swap\n"}))
    assert stack.resume == said
    assert swaps(stack) == ["/dev/vdd"]
    assert "block:vdd" not in {each.identity for each in without_resume(stack).layers}


def test_none_means_none() -> None:
    system = machine(**{CONF: "RESUME=none\n", "/etc/fstab": "/dev/vde none swap sw\n"})
    stack = describe("/", system)
    assert (stack.resume, swaps(stack)) == ("", [])


FSTAB = "UUID=5avdd none swap sw 0 0\n/dev/vdf none swap sw\n/dev/vde none swap noauto\n"


def test_otherwise_the_largest_swap_of_fstab_counts() -> None:
    assert describe("/", machine(**{"/etc/fstab": FSTAB})).resume == "UUID=5avdf"


def test_swap_in_use_counts_on_the_running_system_only() -> None:
    used = f"{HEAD}/dev/vde partition 8192 0 -2\n/swapfile file 99999 0 -3\n"
    system = machine(**{"/etc/fstab": FSTAB, "/proc/swaps": used})
    assert describe("/", system).resume == "UUID=5avdf"  # as in a chroot: PID 1 has another root
    system.texts[FIRST] = system.texts[SELF]
    assert describe("/", system).resume == "UUID=5avde"


def test_an_absent_device_gives_way_to_a_present_one() -> None:
    system = machine(**{CONF: "RESUME=UUID=gone\n"})
    assert describe("/", system).resume == "UUID=gone"  # it may come back
    system.texts["/etc/fstab"] = FSTAB
    assert describe("/", system).resume == "UUID=5avdf"


@pytest.mark.parametrize(
    ("line", "uuid", "expected"),
    [
        ("cryptswap /dev/vde /dev/urandom swap,cipher=aes-xts-plain64", "PLAIN", "UUID=5avdd"),
        ("cryptswap /dev/vde /etc/keys/swap.key luks", "LUKS2-5a", "UUID=5avdd"),
        ("cryptswap /dev/vde none luks", "LUKS2-5a", "/dev/mapper/cryptswap"),
        ("", "LUKS2-5a", "/dev/mapper/cryptswap"),  # the boot asks for its passphrase
    ],
)
def test_a_swap_that_the_initramfs_cannot_open_does_not_count(
    line: str, uuid: str, expected: str
) -> None:
    fstab = "/dev/mapper/cryptswap none swap sw\n/dev/vdd none swap sw\n"
    system = machine(**{"/etc/fstab": fstab, "/etc/crypttab": f"{line}\n"})
    table = "0 8192 crypt aes-xts-plain64 :64:logon:x 0 254:128 0"
    system.mapped("dm-5", "253:5", "cryptswap", f"CRYPT-{uuid}-cryptswap", table, ["vde"],
                  ID_FS_TYPE="swap", ID_FS_UUID="5c")  # fmt: skip
    system.texts[f"{system.links['/sys/class/block/dm-5']}/size"] = "8190\n"
    assert describe("/", system).resume == expected


def test_a_swap_on_roots_own_volume_counts_however_that_opens() -> None:
    system = machine(**{
        "/etc/fstab": "/dev/mapper/vg0-swap none swap sw\n",
        "/etc/crypttab": "crypt /dev/md127 /etc/keys/root.key luks,initramfs\n",
    })  # fmt: skip
    system.mapped("dm-2", "253:2", "vg0-swap", "LVM-abd", "0 9 linear 253:0 9", ["dm-0"],
                  ID_FS_TYPE="swap", ID_FS_UUID="5d")  # fmt: skip
    stack = describe("/", system)
    assert stack.resume == "/dev/mapper/vg0-swap"
    assert "block:dm-0" in {each.identity for each in without_resume(stack).layers}


def test_what_cannot_be_read_there_leaves_the_root_known() -> None:
    system = machine(**{CONF: "RESUME=/dev/mapper/cryptswap\n"})
    system.mapped("dm-5", "253:5", "cryptswap", "CRYPT-LUKS2-5a-cryptswap", "", ["vde"])
    stack = describe("/", system)
    assert (stack.resume, stack.unknown) == ("/dev/mapper/cryptswap", ())


def test_the_file_of_the_resume_job_is_for_each_machine() -> None:
    from initpy.config.jobs import parse_job_file
    from initpy.config.project import PROJECT

    path = PROJECT / "jobs/resume.toml"
    assert is_for(parse_job_file(str(path), path.read_text()), describe("/", nested()))


@pytest.mark.parametrize(
    ("parameters", "cmdline", "conf", "verdict"),
    [
        ("resume=UUID=5avdf\n", "", "RESUME=UUID=5avdf\n", Verdict.OK),
        ("resume=/dev/vdf\n", "", "RESUME=UUID=5avdf\n", Verdict.OK),
        ("resume=UUID=5avdf\n", "noresume", "RESUME=UUID=5avdf\n", None),
        ("resume=UUID=5avdf\n", "resume=UUID=5avde", "RESUME=UUID=5avdf\n", None),
        ("resume=UUID=gone\n", "", "RESUME=UUID=gone\n", Verdict.WARNING),
        # The machine has been configured anew since the build.
        ("resume=UUID=5avde\n", "", "RESUME=UUID=5avdf\n", Verdict.WARNING),
        ("resume=UUID=gone\n", "", "RESUME=UUID=5avdf\n", Verdict.WARNING),
        ("", "", "RESUME=UUID=5avdf\n", Verdict.WARNING),
        ("resume=UUID=gone\n", "", "RESUME=none\n", Verdict.WARNING),
        ("", "", "RESUME=none\n", None),
    ],
)
def test_the_image_looks_where_this_machine_hibernates_to(
    parameters: str, cmdline: str, conf: str, verdict: Verdict | None
) -> None:
    stack = describe("/", machine(**{CONF: conf}))
    settings = read_settings(cmdline, defaults=parameters)[0]
    found = [row.verdict for row in resuming.rows(stack, settings, cmdline)]
    assert found == ([verdict] if verdict is not None else [])
