"""R32: the real boot and the simulated one of the same file take the same course."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from courses import ANOTHER_COURSE

from initpy.cli.reading import read_journal
from initpy.scenario.model import Outcome
from initpy.scenario.parse import load_scenario
from initpy.simulation.journal.agree import ONCE, compare, disagreements
from initpy.simulation.journal.course import Decision, course
from initpy.simulation.machine.run import simulate
from initpy.simulation.world.world import ENGINE_SECONDS

HERE = Path(__file__).parent
JOURNALS = sorted((HERE / "journals").glob("*.jsonl.gz"))
SCENARIOS = HERE.parent / "scenarios"
SEEDS = 8


def name(path: Path) -> str:
    return path.name.partition(".")[0]


@pytest.mark.parametrize("path", JOURNALS, ids=name)
def test_the_simulated_boot_takes_the_course_of_the_real_one(path: Path) -> None:
    scenario = load_scenario(SCENARIOS / f"{name(path)}.toml")
    assert compare(scenario, scenario.expect.outcome, read_journal(path)) == ()


@pytest.mark.parametrize("path", JOURNALS, ids=name)
def test_a_course_without_one_of_its_decisions_is_another_one(path: Path) -> None:
    """The comparison can fail: each decision counts."""
    whole = replace(course(read_journal(path)), whole=True)
    assert len(whole.decisions) > 1
    for number in range(len(whole.decisions)):
        less = whole.decisions[:number] + whole.decisions[number + 1 :]
        gone = whole.decisions[number]
        if whole.engines > 1 and (gone in less or whole.may_have(gone)):
            continue
        if gone.what in ONCE and gone in less:
            continue  # how often is a matter of pace
        other = replace(whole, decisions=less, whole=True)
        assert disagreements(whole, other)
        assert disagreements(other, whole)


def started(job: str, run: int = 1) -> dict[str, Any]:
    return {"t": 1.0, "kind": "Run", "job": job, "run": run, "argv": ["x", "vg0"]}


def ended(job: str, status: int = 0, run: int = 1) -> dict[str, Any]:
    return {"t": 1.0, "kind": "JobEnded", "job": job, "run": run, "status": status}


ASKS: dict[str, Any] = {"t": 1.0, "kind": "Ask", "job": "luks-open@vda", "text": "?"}
ANSWERED: dict[str, Any] = {"t": 2.0, "kind": "Answered", "job": "luks-open@vda", "secret": "…"}


def test_a_prompt_that_comes_back_unanswered_is_one_question() -> None:
    """Whether it comes back before a key turns up is a matter of pace."""
    engine = {"t": 3.0, "kind": "EngineStarted"}
    gave_way = {**ANSWERED, "secret": ""}
    assert len(course([ASKS, gave_way, ASKS]).decisions) == 1
    assert len(course([ASKS, ANSWERED, ASKS]).decisions) == 2
    assert len(course([ASKS, engine, ASKS]).decisions) == 2


def test_a_prompt_that_was_not_needed_is_none() -> None:
    """The key came before anybody typed: a moment sooner, and nobody would have been asked."""
    opens = [started("luks-open@vda"), ended("luks-open@vda")]
    assert course([ASKS, *opens]).decisions == course(opens).decisions
    assert len(course([ASKS, ANSWERED, *opens]).decisions) == 2
    assert len(course([ASKS]).decisions) == 1


def device(name: str, *on: str, **properties: str) -> dict[str, Any]:
    known = {"name": name, "properties": properties, "slaves": list(on), "links": []}
    return {"t": 1.0, "kind": "DeviceChanged", "device": known}


def test_what_went_with_the_mapping_above_it_was_taken_down() -> None:
    """Closing a volume with integrity removes both of its mappings, one after the other."""
    removed = {"t": 1.0, "kind": "DeviceRemoved", "name": "dm-0"}
    tries = [device("dm-0"), started("luks-take-down@dm-0"), removed]
    well = course([*tries, ended("luks-take-down@dm-0")]).decisions
    assert course([*tries, ended("luks-take-down@dm-0", 4)]).decisions == well
    assert course([*tries[:2], ended("luks-take-down@dm-0", 4)]).decisions != well


def test_root_does_not_wait_for_another_path() -> None:
    first = [device("sda", ID_SERIAL="3600"), started("multipath-path@sda"),
             ended("multipath-path@sda")]  # fmt: skip
    second = [device("sdb", ID_SERIAL="3600"), started("multipath-path@sdb"),
              ended("multipath-path@sdb")]  # fmt: skip
    whole = replace(course([*first, *second]), whole=True)
    assert not disagreements(replace(course(first), whole=True), whole)
    assert disagreements(replace(course([]), whole=True), whole)


def opened(name: str, below: str, md: str = "md127") -> list[dict[str, Any]]:
    """A volume on an array on a disk of that serial number."""
    return [
        device(below, ID_SERIAL="serial"),
        started(f"md-member@{below}"), ended(f"md-member@{below}"),
        device(md, below),
        started(f"luks-open@{md}"), ended(f"luks-open@{md}"),
        device(name, md, DM_UUID="CRYPT-x"),
        started(f"mount-root@{name}"), ended(f"mount-root@{name}"),
    ]  # fmt: skip


def test_the_kernels_names_do_not_count() -> None:
    assert (
        disagreements(course(opened("dm-0", "vda")), course(opened("dm-7", "sdb", "md126"))) == ()
    )
    assert course(opened("dm-0", "vda")).decisions[1] == Decision(
        "array of (disk serial)", "luks-open done"
    )


def test_a_card_is_known_by_its_address() -> None:
    """User Mode Linux calls it vec0, the simulator eth0."""

    def card(name: str) -> list[dict[str, Any]]:
        job = f"dhcp6@net/{name}"
        link = device(f"net/{name}", SUBSYSTEM="net", address="52:54:00:00:00:00")
        return [link, started(job), ended(job)]

    assert disagreements(course(card("vec0")), course(card("eth0"))) == ()


def test_a_name_that_another_device_has_later_is_another_device() -> None:
    gone = {"t": 2.0, "kind": "DeviceRemoved", "name": "vda"}
    lines = [device("vda", ID_SERIAL="a"), gone, device("vda", ID_SERIAL="b"), started("x@vda"),
             ended("x@vda")]  # fmt: skip
    assert course(lines).decisions == (Decision("disk b", "x done"),)


def test_two_disks_have_no_order_and_layers_have_one() -> None:
    two = [device("vda", ID_SERIAL="a"), device("vdb", ID_SERIAL="b")]
    one = [started("md-member@vda"), ended("md-member@vda")]
    other = [started("md-member@vdb"), ended("md-member@vdb")]
    assert disagreements(course([*two, *one, *other]), course([*two, *other, *one])) == ()
    above = [device("md0", "vda"), started("luks-open@md0"), ended("luks-open@md0")]
    said = disagreements(course([*two, *one, *above]), course([*two, *above, *one]))
    assert said == (
        "md-member done on disk a before luks-open done on array of (disk a); "
        "simulated the other way round",
    )


def test_how_a_command_ends_counts_but_not_when() -> None:
    two = [device("vda", ID_SERIAL="a"), device("md0", "vda")]
    below, above = "md-member@vda", "luks-open@md0"
    early = [*two, started(below), ended(below), started(above), ended(above)]
    late = [*two, started(below), started(above), ended(above), ended(below)]
    assert disagreements(course(early), course(late)) == ()
    wrong = [*early[:-1], ended(above, 2)]
    assert disagreements(course(early), course(wrong)) == (
        "only in the real boot: luks-open done on array of (disk a)",
        "only simulated: luks-open failed on array of (disk a)",
    )


def test_what_a_second_engine_does_again_does_not_count() -> None:
    """R5: it goes on from what it sees; how far the first has come is chance."""
    engine = {"t": 1.0, "kind": "EngineStarted"}
    disk, scan = device("vda", ID_SERIAL="a"), [started("x@vda"), ended("x@vda")]
    once, again = [engine, disk, *scan, engine], [engine, disk, *scan, engine, *scan]
    assert disagreements(course(once), course(again)) == ()
    assert disagreements(course(once[:-1]), course([*once[:-1], *scan])) != ()


def test_what_was_at_work_when_an_engine_died_may_have_been_done() -> None:
    engine = {"t": 1.0, "kind": "EngineStarted"}
    begun = [engine, device("vda", ID_SERIAL="a"), started("x@vda")]
    assert disagreements(course([*begun, engine]), course([*begun, ended("x@vda")])) == ()
    assert disagreements(course([*begun, engine]), course([*begun, ended("y@vda")])) == ()
    assert disagreements(course(begun[:-1]), course([*begun, ended("x@vda")])) != ()


def test_what_was_at_work_at_the_end_may_have_been_done() -> None:
    begun = [device("vda", ID_SERIAL="a"), started("x@vda")]
    assert disagreements(course(begun), course([*begun, ended("x@vda")])) == ()
    assert disagreements(course([*begun, ended("x@vda")]), course(begun)) == ()


def test_a_header_is_read_beside_asking() -> None:
    disk = device("vda", ID_SERIAL="a")
    asked = {"t": 1.0, "kind": "Ask", "job": "luks-open@vda", "text": "Passphrase:"}
    read = [{"t": 1.0, "kind": "Fetch", "job": "luks-open@vda", "number": 1},
            {"t": 1.0, "kind": "Fetched", "job": "luks-open@vda", "number": 1}]  # fmt: skip
    assert disagreements(course([disk, asked, *read]), course([disk, *read, asked])) == ()
    assert disagreements(course([disk, asked, *read]), course([disk, *read])) != ()


def test_a_partition_is_known_by_its_disk_though_that_has_not_shown() -> None:
    part = device("vda1", "vda", DEVTYPE="partition", ID_SERIAL="a")
    work = [started("x@vda1"), ended("x@vda1")]
    whole = [device("vda", ID_SERIAL="a"), part, *work]
    assert disagreements(course([part, *work]), course(whole)) == ()


def test_a_slave_that_is_gone_is_who_it_was() -> None:
    """It is pulled, and so told by udev twice over; the array has it open still."""
    disks = [device("vda", ID_SERIAL="a"), device("vdb", ID_SERIAL="b")]
    array = device("md127", "vda", "vdb", DEVTYPE="disk")
    gone = {"t": 1.0, "kind": "DeviceRemoved", "name": "vdb"}
    work = [started("x@md127"), ended("x@md127")]
    stays = course([*disks, array, *work])
    assert disagreements(course([*disks, array, gone, gone, array, *work]), stays) == ()


def test_copies_cannot_be_told_apart() -> None:
    first = [device("vda", ID_SERIAL="a"), started("x@vda"), ended("x@vda")]
    second = [device("vdb", ID_SERIAL="b"), started("x@vdb"), ended("x@vdb")]
    assert disagreements(course(first), course(second)) != ()
    copies = {"b": "a"}
    assert disagreements(course(first, copies), course(second, copies)) == ()


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_course_does_not_depend_on_the_pace(path: Path) -> None:
    """What takes longer on another machine makes no other course: else boot tests fail there."""
    if path.stem in ANOTHER_COURSE:
        pytest.skip(ANOTHER_COURSE[path.stem])
    scenario = load_scenario(path)
    for seed in range(SEEDS):
        boot = simulate(scenario, seed=seed)
        assert compare(scenario, boot.outcome, boot.last_journal()) == ()


def test_what_is_tried_until_it_works_counts_once() -> None:
    """A network card that its driver has not found yet, say."""
    once = [started("card"), ended("card")]
    again = [started("card"), ended("card", 1), started("card", 2), ended("card", 0, 2)]
    assert disagreements(course(again), course(once)) == ()
    assert disagreements(course(again[:2]), course(once)) != ()
    assert disagreements(course(again[:2]), course([])) != ()


def test_a_journal_names_devices_that_no_driver_claims() -> None:
    scenario = load_scenario(SCENARIOS / "driver-missing.toml")
    unclaimed = {"t": 2.0, "kind": "Unclaimed", "devices": [{"bus": "pci", "modules": ["x"]}]}
    journal = simulate(scenario).journal()
    assert compare(scenario, scenario.expect.outcome, [*journal, unclaimed]) == ()


def test_a_disk_is_told_of_when_it_was_in_the_real_boot() -> None:
    scenario = load_scenario(SCENARIOS / "raid1-over-luks.toml")
    told = [each for each in simulate(scenario, shown={"a": 9.0, "b": 4.0}).journal()
            if each["kind"] == "DeviceChanged"]  # fmt: skip
    first = {each["device"]["name"]: each["t"] for each in reversed(told)}
    assert first["vda"] == pytest.approx(ENGINE_SECONDS + 9.0)  # its name goes by its slot
    assert first["vdb"] == pytest.approx(ENGINE_SECONDS + 4.0)


def test_of_a_journal_with_lost_lines_only_what_is_there_counts() -> None:
    whole = opened("dm-0", "vda")
    lost = [*whole[:3], {"t": 2.0, "kind": "Lost", "lines": 6}]
    assert disagreements(course(lost), course(whole)) == ()
    assert disagreements(course(whole), course(lost)) != ()


def test_another_end_is_a_disagreement() -> None:
    scenario = load_scenario(SCENARIOS / "plain-ext4-label.toml")
    assert compare(scenario, Outcome.BOOTED, []) == ()
    assert compare(scenario, Outcome.SHELL, []) == ("outcome: shell, simulated booted",)
    never = load_scenario(SCENARIOS / "root-never-shell.toml")
    assert compare(never, Outcome.FAILED, []) == compare(never, Outcome.SHELL, []) == ()


def test_a_journal_that_ends_where_run_was_full_lacks_what_came_after() -> None:
    scenario = load_scenario(SCENARIOS / "lvm-on-luks-on-raid1.toml")
    journal = simulate(scenario).last_journal()
    prompt = next(place for place, each in enumerate(journal) if each["kind"] == "Ask")
    assert compare(scenario, Outcome.BOOTED, journal[: prompt + 1]) == ()
    # Where it goes on to the handover, what it lacks was not done.
    some = [each for each in journal if not str(each.get("job", "")).startswith("lvm-")]
    assert compare(scenario, Outcome.BOOTED, some)
