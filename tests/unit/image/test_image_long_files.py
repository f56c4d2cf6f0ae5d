"""Files of very many lines, or of one very long line, are read in a time that grows with them."""

import time
from collections.abc import Callable

import pytest
from fake_system import FakeSystem

from initpy.config.assignments import assignments
from initpy.config.crypttab import parse_crypttab
from initpy.config.fstab import parse_fstab
from initpy.image.content import lvmconf, mdadmconf
from initpy.image.content.reduced import lvm_conf, modprobe_conf
from initpy.image.stack.commandlines import LONGEST, MOST, command_lines

MANY = 16_000
SECONDS = 5.0  # of the processor; each took 5 to 20 where the time grew with the square


def lvm_settings(text: str) -> str:
    """Read the settings and compile the filters; return why LVM would not."""
    try:
        return lvmconf.refusal(lvmconf.read(text))
    except lvmconf.LvmConfError as error:
        return str(error)


READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "options of crypttab": (
        "c UUID=x none " + "discard,no-read-workqueue," * MANY,
        lambda text: parse_crypttab("t", text),
    ),
    "lines of crypttab": (
        "".join(f"c{each} UUID={each:08} none luks\n" for each in range(MANY)),
        lambda text: parse_crypttab("t", text),
    ),
    "lines of fstab": (
        "".join(f"LABEL=l{each} /m{each} ext4 x-initrd.mount\n" for each in range(MANY)),
        parse_fstab,
    ),
    "quotes of lvm.conf": ("filter = [" + '"\\' * MANY, lambda text: lvm_conf(text, own=False)),
    "open lists of lvm.conf": ("a = [ ], " * MANY, lvm_settings),
    "a long word of lvm.conf": ("a" * 20 * MANY, lvm_settings),
    "sections of lvm.conf": ("a {\n" * MANY + "}\n" * MANY, lvm_settings),
    "alternatives of a filter": ('filter = "a|' + "(x|" * MANY + '|"', lvm_settings),
    "lines of mdadm.conf": (
        "".join(f"ARRAY /dev/md/a{each} UUID={each:032x}\n" for each in range(MANY)),
        lambda text: mdadmconf.reduced(f"{text}AUTO -all\n", own=True, arrays=["0" * 32]),
    ),
    "lines of modprobe.d": (
        "".join(f"blacklist m{each}\n" for each in range(MANY)),
        lambda text: modprobe_conf(text, *2 * [{f"m{each}" for each in range(MANY)}]),
    ),
    "assignments": (
        "".join(f"A{each}=b{each}\n" for each in range(MANY)),
        lambda text: [*assignments(text)],
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_the_time_grows_with_the_length(name: str) -> None:
    text, read = READERS[name]
    started = time.process_time()
    read(text)
    assert time.process_time() - started < SECONDS


def test_a_menu_of_very_many_entries_and_a_very_long_command_line() -> None:
    system = FakeSystem()
    entry = "menuentry 'x' {{\n  linux /vmlinuz root=LABEL=l{}\n  other words\n}}\n"
    system.texts["/boot/grub/grub.cfg"] = "".join(entry.format(each) for each in range(2 * MOST))
    system.texts["/boot/loader/entries/a.conf"] = "linux /v\noptions " + "word " * LONGEST
    first, *others = command_lines(system)
    assert len(others) == MOST - 1
    assert len(first.text) == LONGEST
    assert first.origin == "/boot/loader/entries/a.conf (its beginning)"


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        ("RESUME=UUID=1a-2b", [("RESUME", "UUID=1a-2b")]),
        (" A=b\t", [("A", "b")]),
        ("A=", [("A", "")]),
        ('A="b c" D=e # F=g', [("A", "b c"), ("D", "e")]),
        ("A=b C=d", [("A", "b"), ("C", "d")]),
        ("A=b#c", [("A", "b#c")]),
        ("A=~/b\\ c", [("A", "~/b c")]),
    ],
)
def test_assignments_of_a_shell(line: str, pairs: list[tuple[str, str]]) -> None:
    assert [*assignments(line)] == pairs
