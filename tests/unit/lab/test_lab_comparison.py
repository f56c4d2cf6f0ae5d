"""The comparison: each contender gets the parameters that it needs, and figures are computed."""

import gzip
import json
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from initpy.image.formats.cpio import segment
from initpy.lab.benchmark import Boot, Memory, pairs, read_memory
from initpy.lab.comparison import Comparison, as_json, render
from initpy.lab.contenders import INITPY, Built, Contender, compression_of
from initpy.lab.courses import COURSES, NESTED, NETWORK, PLAIN, Course, scenario_for
from initpy.lab.errors import LabError
from initpy.lab.figures import ratio, spread_of, targets, typical_phases
from initpy.lab.kernels import Kernel
from initpy.lab.peers import (
    BARE_INITRAMFS_TOOLS,
    DRACUT,
    DRACUT_ON_NFS,
    INITRAMFS_TOOLS,
    PEERS,
    Peer,
    outdated,
    peer_system,
)
from initpy.lab.phases import FIRST, LAST, Phase, kernel_seconds, phases
from initpy.scenario.parse import load_scenario

CONSOLE = """\
[    0.000000] Linux version 6.1.0
[    3.500000] Run /init as init process
initpy: waiting for root
[    6.750000] INITPY-LAB real init started uptime=6.80
"""
JOURNAL = (
    {"t": 4.55, "kind": "EngineStarted", "init_started": 4.05},
    {"t": 5.05, "kind": "Ask"},
    {"t": 6.05, "kind": "Answered"},
    {"t": 6.25, "kind": "Mount"},
    {"t": 6.35, "kind": "Mounted"},
    {"t": 6.45, "kind": "HandedOver"},
)


def boots(course: Course, name: str, *seconds: float | None) -> list[Boot]:
    return [Boot(course.key, name, each) for each in seconds]


def contender(peer: Peer | None, size: int, seconds: float | None) -> Contender:
    built = Built(Path("image"), size, "zstd", seconds, seconds)
    host = None if peer else Built(Path("host"), 8_000_000, "zstd", 1.25, 2.0)
    return Contender(peer.name if peer else INITPY, "1", peer, built, host=host)


CONTENDERS = (
    contender(None, 19_000_000, 2.5),
    contender(BARE_INITRAMFS_TOOLS, 30_000_000, 16.0),
    contender(INITRAMFS_TOOLS, 34_000_000, 17.0),
    contender(DRACUT, 41_000_000, 50.0),
)
MEASURED = (
    *boots(PLAIN, INITPY, 2.0, 1.0, 9.0),
    *boots(PLAIN, INITRAMFS_TOOLS.name, 4.0, 4.0, 4.0),
    *boots(PLAIN, DRACUT.name, 8.0, 8.0, None),
)
MEMORY = Memory(12_000_000, 30_000_000, 25_000_000)


def comparison(*measured: Boot, memory: Memory | str | None = MEMORY) -> Comparison:
    return Comparison("6.1", "emulated", (0.1, 0.2), COURSES, CONTENDERS, measured, memory)


# Parameters of each contender


@pytest.mark.parametrize(
    "peer", [None, INITRAMFS_TOOLS, DRACUT], ids=lambda peer: peer.name if peer else INITPY
)
def test_the_user_types_a_second_after_each_contenders_own_prompt(peer: Peer | None) -> None:
    prompts = {
        INITPY: "Passphrase for crypt (/dev/md127): ",
        INITRAMFS_TOOLS.name: "Please unlock disk crypt: ",
        DRACUT.name: "🔐 Please enter passphrase for disk luks-3b1f: ",
    }
    (person,) = scenario_for(load_scenario(NESTED.file), peer).people
    assert person.cue.when is not None
    assert person.cue.when.search(prompts[peer.name if peer else INITPY])
    assert (person.cue.after, person.text) == (1.0, "correct horse\n")


def test_initramfs_tools_has_the_volume_in_the_crypttab_of_its_image() -> None:
    files = dict(scenario_for(load_scenario(NESTED.file), INITRAMFS_TOOLS).files)
    uuid = next(x.uuid for x in load_scenario(NESTED.file).layers if x.kind == "luks2")
    assert files == {"/cryptroot/crypttab": f"crypt UUID={uuid} none luks\n"}


def test_dracut_gets_rd_auto_only_if_there_are_layers() -> None:
    assert scenario_for(load_scenario(NESTED.file), DRACUT).cmdline.endswith(" rd.auto=1")
    assert scenario_for(load_scenario(PLAIN.file), DRACUT).cmdline == "root=LABEL=initpy-root"


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.key)
def test_every_contender_boots_the_same_disks(course: Course) -> None:
    scenario = load_scenario(course.file)
    assert {scenario_for(scenario, peer).recipe() for peer in PEERS} == {scenario.recipe()}


def test_texts_of_initpys_console_are_not_expected_of_peers() -> None:
    expect = scenario_for(load_scenario(NESTED.file), DRACUT).expect
    assert (expect.console, expect.never) == ((), ())
    assert [key for key, _ in expect.facts] == ["root.fstype"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (INITPY, ["plain", "nested", "nfs-dhcp"]),
        (BARE_INITRAMFS_TOOLS.name, ["plain", "nfs-dhcp"]),
        (DRACUT.name, ["plain", "nested"]),
        (DRACUT_ON_NFS.name, ["nfs-dhcp"]),
    ],
)
def test_a_contender_boots_what_its_image_has_programs_for(name: str, expected: list[str]) -> None:
    contenders = (*CONTENDERS, contender(DRACUT_ON_NFS, 56_000_000, 60.0))
    starts = [(course.key, each.name) for course, each, _ in pairs(contenders, COURSES)]
    assert [course for course, its_name in starts if its_name == name] == expected


def test_a_root_on_the_network_is_asked_for_in_each_contenders_own_words() -> None:
    scenario = load_scenario(NETWORK.file)
    assert scenario_for(scenario, None).cmdline == scenario.cmdline
    adapted = scenario_for(scenario, BARE_INITRAMFS_TOOLS)
    assert adapted.cmdline == BARE_INITRAMFS_TOOLS.network
    assert [key for key, _ in adapted.expect.facts] == ["root.source"]


def test_a_root_on_the_network_is_compared_with_a_local_one_and_the_faster_peer() -> None:
    measured = (
        *boots(PLAIN, INITPY, 2.5),
        *boots(NETWORK, INITPY, 4.0, 4.0, 9.0),
        *boots(NETWORK, BARE_INITRAMFS_TOOLS.name, 10.0),
        *boots(NETWORK, DRACUT_ON_NFS.name, 20.0),
    )
    found = {each.what: each.value for each in targets(CONTENDERS, measured, MEMORY)}
    assert found[f"{NETWORK.title}, more than {PLAIN.title}"] == 1.5
    assert found[f"{NETWORK.title}, time to the faster peer's"] == 0.4


def test_a_new_copy_of_a_peer_replaces_only_its_older_copies(tmp_path: Path) -> None:
    names = [
        f"{name}-{key * 16}" for name in ("initramfs-tools", "initramfs-tools-bare") for key in "ab"
    ]
    for name in names:
        (tmp_path / name).mkdir()
    found = outdated(tmp_path, "initramfs-tools", names[0])
    assert [path.name for path in found] == [names[1]]


def test_a_peer_that_requires_root_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    kernel = Kernel("6.1", Path("vmlinuz"), Path("modules"))
    with pytest.raises(LabError, match=r"dracut: only root .*\n  try: sudo make bench"):
        peer_system(DRACUT, kernel, lambda _: None)


def test_peers_get_the_drivers_of_the_machine_by_name() -> None:
    for peer, words in ((INITRAMFS_TOOLS, "MODULES=list"), (DRACUT, "--hostonly")):
        command = " ".join(peer.own).format(kernel="6.1", modules="ext4 raid1")
        assert words in command and "ext4 raid1" in command and "6.1" in command
    assert not BARE_INITRAMFS_TOOLS.own  # it has no programs for the layers


# Figures


def test_a_ratio_is_of_medians_and_failed_boots_do_not_count() -> None:
    assert ratio(MEASURED, PLAIN.key, INITRAMFS_TOOLS.name) == 0.5
    assert ratio(MEASURED, PLAIN.key, DRACUT.name) == 0.25
    assert ratio(MEASURED, NESTED.key, DRACUT.name) is None


def test_a_spread_has_the_ends_and_the_middle() -> None:
    spread = spread_of([3.0, None, 1.0, 2.0])
    assert spread is not None
    assert (spread.middle, spread.least, spread.most, spread.count) == (2.0, 1.0, 3.0, 3)
    assert spread_of([None]) is None


def test_the_targets_are_those_of_the_project() -> None:
    found = targets(CONTENDERS, MEASURED, MEMORY)
    assert [(each.value, each.most, each.met) for each in found] == [
        (None, 0.6, None),
        (0.5, 0.6, True),
        (0.25, 0.2, False),
        (None, 2.0, None),
        (None, 0.5, None),
        (19.0, 20, True),
        (2.5, 3, True),
        (pytest.approx(2.5 / 17), 0.2, True),
        (8.0, 9, True),
        (1.25, 1.5, True),
        (42.0, 60, True),
    ]


def test_a_target_without_a_measurement_is_neither_met_nor_missed() -> None:
    assert {each.met for each in targets((), (), "no prompt")} == {None}


def test_memory_is_read_from_the_agents_facts_in_kib() -> None:
    facts = {
        "initpy.init.rss": "10000",
        "initpy.init.pss": "7000",
        "initpy.engine.rss": "20000",
        "initpy.engine.pss": "16000",
    }
    memory = read_memory(facts)
    assert memory == Memory(10_240_000, 20_480_000, 23_552_000)
    assert memory.resident == 30_720_000


def test_a_guest_without_a_memory_report_does_not_count_as_zero() -> None:
    assert "initpy.init.rss" in str(read_memory({}))


def xz(data: bytes) -> bytes:
    """The kernel reads no CRC64, which is the default (Documentation/staging/xz.rst)."""
    return lzma.compress(data, check=lzma.CHECK_CRC32)


@pytest.mark.parametrize(
    ("pack", "name"), [(gzip.compress, "gzip"), (xz, "xz"), (bytes, "no compression")]
)
def test_the_compression_is_that_of_the_main_archive(
    tmp_path: Path, pack: Callable[[bytes], bytes], name: str
) -> None:
    image = tmp_path / "image"
    image.write_bytes(segment({"/modules": b"first"}) + pack(segment({"/init": b"second"})))
    assert compression_of(image) == name


# Phases


def test_phases_add_up_to_the_time_from_init_to_the_real_init() -> None:
    found = phases(CONSOLE, JOURNAL)
    assert sum(phase.seconds for phase in found) == pytest.approx(3.25)
    assert (found[0].name, found[-1].name) == (FIRST, LAST)


def test_the_journals_clock_is_converted_to_the_kernels() -> None:
    # The real init read 6.80 from its clock when printk showed 6.75.
    assert phases(CONSOLE, JOURNAL)[0].seconds == pytest.approx(0.5)


def test_a_boot_without_a_prompt_has_no_phase_for_it() -> None:
    plain = [each for each in JOURNAL if each["kind"] not in ("Ask", "Answered")]
    names = [phase.name for phase in phases(CONSOLE, plain)]
    assert "the person thinks and types" not in names
    assert len(names) == len(phases(CONSOLE, JOURNAL)) - 2


def test_without_a_journal_there_are_no_phases() -> None:
    assert phases(CONSOLE, ()) == ()
    assert phases("", JOURNAL) == ()


def test_the_kernels_own_time_ends_with_the_start_of_init() -> None:
    assert kernel_seconds(CONSOLE) == 3.5
    assert kernel_seconds("") is None


def test_a_typical_phase_is_the_median_of_equal_boots() -> None:
    runs = [
        Boot("plain", INITPY, 1.0, phases=(Phase("a", seconds), Phase("b", 1.0)))
        for seconds in (1.0, 2.0, 9.0)
    ]
    odd = Boot("plain", INITPY, 1.0, phases=(Phase("a", 50.0),))
    assert typical_phases([*runs, odd]) == (Phase("a", 2.0), Phase("b", 1.0))


# The table


def test_a_missed_target_is_marked() -> None:
    lines = render(comparison(*MEASURED)).splitlines()
    missed = [line for line in lines if line.endswith("MISSED")]
    assert [line.split(",")[1].split("'")[0] for line in missed] == [" time to dracut"]


def test_times_from_another_clock_are_not_judged() -> None:
    text = render(replace(comparison(*MEASURED), judged=False))
    assert "MISSED" not in text


def test_a_peer_that_does_not_boot_is_shown_with_the_reason() -> None:
    failed = [Boot(PLAIN.key, DRACUT.name, None, trouble="outcome: nothing")] * 2
    text = render(comparison(*boots(PLAIN, INITPY, 2.0), *failed))
    assert "does not boot (0 of 2)" in text
    assert "dracut, plain: outcome: nothing" in text


def test_a_peer_that_sometimes_boots_says_how_often() -> None:
    assert "8.00 (8.00-8.00) 2 of 3 booted" in render(comparison(*MEASURED))


def test_a_peer_without_an_image_is_shown_with_the_reason() -> None:
    broken = Contender(DRACUT.name, "", DRACUT, None, "no image: dracut failed")
    found = Comparison("6.1", "emulated", (0, 0), COURSES, (CONTENDERS[0], broken), (), None)
    text = render(found)
    assert "dracut: no image: dracut failed" in text
    assert "no image" in text.splitlines()[4]


def test_the_table_can_be_written_as_json() -> None:
    values = json.loads(json.dumps(as_json(comparison(*MEASURED))))
    assert len(values["boots"]) == len(MEASURED)
    assert [each["met"] for each in values["targets"]] == [
        *(None, True, False, None, None),
        *[True] * 6,
    ]
