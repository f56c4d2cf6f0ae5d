"""R21: what root stood on is taken down from the top; a hang is bounded, and said."""

import itertools
from collections.abc import Callable

import pytest

from initpy.core.shutdown.attempts import PATIENCE
from initpy.core.shutdown.kinds import CACHE_SET, PREFIXES
from initpy.core.shutdown.layers import LAYERS
from initpy.core.shutdown.messages import (
    Abandon,
    Action,
    Arm,
    Began,
    Deed,
    Do,
    End,
    Ended,
    Event,
    Look,
    Looked,
    Report,
    TimePassed,
)
from initpy.core.shutdown.present import BlockDevice, Daemon, MountPoint, Present
from initpy.core.shutdown.shutdown import LOOK, MOST_LOOKS, PROCESSES, SYNC, Shutdown

TIMEOUT = 30.0


def mount(number: int, parent: int, target: str, *devices: str, kind: str = "ext4") -> MountPoint:
    return MountPoint(number, parent, target, kind, frozenset(devices))


def block(name: str, *slaves: str, state: str = "", metadata: str = "") -> BlockDevice:
    return BlockDevice(name, frozenset(slaves), state, metadata)


SELF = mount(1, 0, "/", kind="tmpfs")
NESTED = Present(
    (SELF, mount(2, 1, "/oldroot", "dm-1"), mount(3, 2, "/oldroot/proc", kind="proc")),
    (
        block("dm-1", "dm-0"),
        block("dm-0", "md0p1"),
        block("md0p1", "md0"),
        block("md0", "sda", "sdb", state="clean", metadata="1.2"),
    ),
)


class Machine:
    """A machine in which each step does at once what it should, unless `deviates` says how not.

    That function is given a step, and returns an error, or None for a step that does not end; ""
    has it succeed.
    """

    def __init__(
        self, present: Present, deviates: Callable[[Do], str | None] = lambda _: ""
    ) -> None:
        self.present, self.deviates = present, deviates
        self.shutdown, self.now, self.alarm = Shutdown(), 0.0, 0.0
        self.handled = 0.0  # when the core was told of an event last
        self.done: list[tuple[Deed, str]] = []
        self.said: list[str] = []
        self.looks = True
        self.hanging: set[str] = set()
        self.seconds: Callable[[Do], float] = lambda _: 0.0
        self.ended = False

    def run(self, limit: float = 1000.0) -> "Machine":
        events: list[Event] = [Began(TIMEOUT)]
        while not self.ended:
            assert self.now < limit, (self.done, self.said)
            if not events:
                self.now = max(self.alarm, self.now)
                events = [TimePassed()]
            self.handled = self.now
            for action in self.shutdown.handle(events.pop(0), self.now):
                events += self.act(action)
        return self

    def act(self, action: Action) -> list[Event]:
        match action:
            case Look():
                return [Looked(self.present)] if self.looks else [Looked(None)]
            case Do(key, deed, argument):
                if deed not in (Deed.END_PROCESSES, Deed.SYNC):
                    self.done.append((deed, argument))
                error = self.deviates(action)
                if error is None:
                    self.hanging.add(key)
                    return []
                if not error:
                    self.now += self.seconds(action)
                    self.do(deed, argument)
                return [Ended(key, error)]
            case Abandon(key):
                self.hanging.discard(key)
            case Arm(at):
                assert at > self.handled
                self.alarm = at
            case Report(text):
                self.said.append(text)
            case End():
                self.ended = True
        return []

    def do(self, deed: Deed, argument: str) -> None:
        mounts, devices, swaps, daemons = self.present
        if deed is Deed.STOP:  # the monitor clears it
            devices = tuple(
                each._replace(state="clear") if each.name == argument else each for each in devices
            )
        elif deed is Deed.TAKE_OVER:
            daemons = tuple(each._replace(pid=each.pid + 1, program="") for each in daemons)
        elif deed is not Deed.READ_ONLY:
            at = [each for each in mounts if each.target == argument]
            assert not any(each.parent == at[-1].number for each in mounts if at)
            assert not any(argument in each.devices for each in mounts)
            mounts = tuple(each for each in mounts if each not in at[-1:])
            devices = tuple(each for each in devices if each.name != argument)
            swaps = tuple(each for each in swaps if each[0] != argument)
            daemons = tuple(each for each in daemons if str(each.pid) != argument)
        self.present = Present(mounts, devices, swaps, daemons)


def test_each_thing_is_taken_down_once_nothing_stands_on_it() -> None:
    machine = Machine(NESTED).run()
    assert machine.done == [
        (Deed.DETACH, "/oldroot/proc"),
        (Deed.UNMOUNT, "/oldroot"),
        (Deed.REMOVE, "dm-1"),
        (Deed.REMOVE, "dm-0"),
        (Deed.CLEAR, "md0"),
    ]
    assert "all 5 mounts and layers are taken down" in machine.said[-1]
    assert machine.now < 1.0


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
def test_the_order_in_which_sysfs_lists_them_does_not_matter(order: tuple[int, ...]) -> None:
    devices = tuple(NESTED.devices[each] for each in order)
    machine = Machine(NESTED._replace(devices=devices)).run()
    assert machine.done[-3:] == [(Deed.REMOVE, "dm-1"), (Deed.REMOVE, "dm-0"), (Deed.CLEAR, "md0")]


def test_a_second_mount_of_the_same_file_system_keeps_the_device() -> None:
    mounts = (*NESTED.mounts, mount(4, 1, "/run/initpy/host", "dm-1"))
    done = Machine(NESTED._replace(mounts=mounts)).run().done
    assert done.index((Deed.UNMOUNT, "/run/initpy/host")) < done.index((Deed.REMOVE, "dm-1"))


def test_parts_of_an_overlay_stay_in_use_until_it_is_unmounted() -> None:
    mounts = (
        SELF,
        mount(2, 1, "/oldroot", kind="overlay"),
        mount(3, 2, "/oldroot/run", kind="tmpfs"),
        mount(4, 3, "/oldroot/run/changes", "dm-0"),
    )
    done = Machine(Present(mounts, (block("dm-0", "sda"),))).run().done
    assert [each for _, each in done] == [
        "/oldroot/run/changes", "/oldroot/run", "/oldroot", "dm-0",
    ]  # fmt: skip


def test_a_busy_file_system_is_tried_again_and_then_made_read_only() -> None:
    machine = Machine(
        NESTED, lambda do: "busy" if do.argument == "/oldroot" and do.deed is Deed.UNMOUNT else ""
    ).run()
    tries = machine.done.count((Deed.UNMOUNT, "/oldroot"))
    assert 10 < tries <= PATIENCE / 0.1 + 1
    assert machine.done[-1] == (Deed.READ_ONLY, "/oldroot")
    assert any("/oldroot (ext4): in use, and read-only now" in each for each in machine.said)
    assert any("md0: in use by what stands on it" in each for each in machine.said)
    assert machine.now < PATIENCE + 2


def test_what_was_in_use_for_a_moment_is_taken_down() -> None:
    times = iter(["busy"] * 7)
    machine = Machine(NESTED, lambda do: next(times, "") if do.argument == "dm-0" else "").run()
    assert machine.done[-1] == (Deed.CLEAR, "md0")
    assert "are taken down" in machine.said[-1]


def test_a_step_that_does_not_end_is_bounded_and_said() -> None:
    """A suspended mapping, a disk that does not answer: not even SIGKILL ends that process."""
    other = (mount(5, 1, "/run/other", "dm-7"), block("dm-7", "sdz"))
    present = Present((*NESTED.mounts, other[0]), (*NESTED.devices, other[1]))
    machine = Machine(present, lambda do: None if do.argument == "/oldroot" else "").run()
    assert TIMEOUT <= machine.now < TIMEOUT + 1
    assert (Deed.REMOVE, "dm-7") in machine.done  # what does not stand on it is taken down
    assert (Deed.REMOVE, "dm-1") not in machine.done
    assert "unmount /oldroot (ext4): lasts 10 s, and may last 30 s" in machine.said
    assert "unmount /oldroot (ext4): has not ended within 30 s; it is left" in machine.said


@pytest.mark.parametrize("hangs", [PROCESSES, SYNC])
def test_nothing_else_hangs_for_ever_either(hangs: str) -> None:
    machine = Machine(
        NESTED,
        lambda do: None if do.key == hangs else "busy" if do.deed is Deed.REMOVE else "",
    ).run()
    assert machine.now < 20 + TIMEOUT + PATIENCE + 1


def test_patience_with_an_item_begins_once_nothing_stands_on_it() -> None:
    """The file system is written out for a long time; the mapping below is busy for a moment."""
    busy = iter(["busy"] * 3)
    machine = Machine(NESTED, lambda do: next(busy, "") if do.argument == "dm-1" else "")
    machine.seconds = lambda do: 3 * PATIENCE if do.argument == "/oldroot" else 0.0
    assert "are taken down" in machine.run().said[-1]


def test_a_machine_that_cannot_be_seen_ends_all_the_same() -> None:
    machine = Machine(NESTED)
    machine.looks = False
    machine.run()
    assert machine.now < MOST_LOOKS
    assert "not taken down: what there is could not be found out" in machine.said


def test_a_look_that_hangs_is_abandoned() -> None:
    shutdown = Shutdown()
    shutdown.handle(Began(TIMEOUT), 0.0)
    assert Look() in shutdown.handle(Ended(PROCESSES), 1.0)
    found = shutdown.handle(TimePassed(), 12.0)
    assert Abandon(LOOK) in found
    assert any(isinstance(each, Do) and each.deed is Deed.SYNC for each in found)


CONTAINER = (
    block("md127", "sda", "sdb", state="inactive", metadata="external:ddf"),
    block("md126", "sda", "sdb", state="active", metadata="external:/md127/0"),
)
MDMON = Daemon(77, "mdmon", ("--offroot", "--takeover", "md127"))


def test_the_monitor_of_firmware_raid_ends_after_its_arrays_and_before_the_container() -> None:
    present = Present((SELF, mount(2, 1, "/oldroot", "md126")), CONTAINER, (), (MDMON,))
    assert Machine(present).run().done == [
        (Deed.UNMOUNT, "/oldroot"),
        (Deed.STOP, "md126"),
        (Deed.TERMINATE, "77"),
        (Deed.CLEAR, "md127"),
    ]


def test_a_monitor_that_the_real_system_has_started_is_replaced_before_root_is_unmounted() -> None:
    mdmon = MDMON._replace(program="/oldroot/usr/sbin/mdmon")
    mounts = (SELF, mount(2, 1, "/oldroot", "md126"), mount(3, 2, "/oldroot/boot", "sdc1"))
    machine = Machine(Present(mounts, CONTAINER, (), (mdmon,))).run()
    assert machine.done == [
        (Deed.UNMOUNT, "/oldroot/boot"),
        (Deed.TAKE_OVER, "77"),
        (Deed.UNMOUNT, "/oldroot"),
        (Deed.STOP, "md126"),
        (Deed.TERMINATE, "78"),
        (Deed.CLEAR, "md127"),
    ]
    assert "mounts and layers are taken down" in machine.said[-1]


def test_a_monitor_that_cannot_be_replaced_is_said() -> None:
    mdmon = MDMON._replace(program="/oldroot/usr/sbin/mdmon")
    present = Present((SELF, mount(2, 1, "/oldroot", "md126")), CONTAINER, (), (mdmon,))
    fails = {Deed.TAKE_OVER: "there is no program mdmon"}
    machine = Machine(present, lambda do: fails.get(do.deed, "")).run()
    assert "not taken down: mdmon (77): there is no program mdmon" in machine.said


def test_an_array_whose_monitor_does_nothing_is_cleared_in_the_end() -> None:
    volume = CONTAINER[1]._replace(state="inactive")
    machine = Machine(Present((), (CONTAINER[0], volume), (), (MDMON,))).run()
    assert machine.done[0] == (Deed.CLEAR, "md126")
    assert PATIENCE <= machine.now < 2 * PATIENCE


def test_a_daemon_that_does_not_end_is_killed() -> None:
    daemon = Daemon(9, "something")
    tame = ("", "did not listen")
    machine = Machine(
        NESTED._replace(daemons=(daemon,)), lambda do: tame[do.deed is Deed.TERMINATE]
    ).run()
    assert machine.done[-1] == (Deed.KILL, "9")
    assert machine.done.index((Deed.CLEAR, "md0")) < machine.done.index((Deed.TERMINATE, "9"))


POOL = "the pool rpool"


def test_a_layer_of_a_job_file_goes_once_nothing_stands_on_it_and_before_all_devices() -> None:
    """Nothing tells on which devices it stands; a volume of its own stands on it."""
    export = ("zpool", "export", "rpool")
    present = Present(
        (SELF, mount(2, 1, "/oldroot", POOL, kind="zfs"), mount(3, 2, "/oldroot/srv", "dm-2"),
         mount(4, 2, "/oldroot/file", "loop0")),
        (
            block("dm-0", "sda"),
            block("zd0", POOL),
            block("dm-2", "zd0"),
            block("loop0", state="bound"),  # its file may be in the pool
            BlockDevice(POOL, run=export),
        ),
    )  # fmt: skip
    runs: list[Do] = []

    def noted(do: Do) -> str:
        runs.append(do)
        return ""

    machine = Machine(present, noted)
    done = machine.run().done
    place = done.index((Deed.RUN, POOL))
    assert {(Deed.UNMOUNT, "/oldroot"), (Deed.REMOVE, "dm-2"), (Deed.UNBIND, "loop0")} <= {
        *done[:place]
    }
    assert done[place + 1 :] == [(Deed.REMOVE, "dm-0")]
    assert [each.run for each in runs if each.deed is Deed.RUN] == [export]


def test_each_mount_from_a_pool_is_unmounted() -> None:
    """Another dataset is another file system: one that is detached in use would keep the pool."""
    mounts = (SELF, mount(2, 1, "/oldroot", POOL, kind="zfs"),
              mount(3, 2, "/oldroot/srv", POOL, kind="zfs"))  # fmt: skip
    done = Machine(Present(mounts, (BlockDevice(POOL, run=("zpool",)),))).run().done
    assert done == [
        (Deed.UNMOUNT, "/oldroot/srv"), (Deed.UNMOUNT, "/oldroot"), (Deed.RUN, POOL),
    ]  # fmt: skip


def test_a_pool_that_is_in_use_is_said_with_what_its_tool_says() -> None:
    present = Present((SELF,), (block("dm-0", "sda"), BlockDevice(POOL, run=("zpool",))))
    machine = Machine(present, lambda do: "pool is busy" if do.deed is Deed.RUN else "").run()
    assert f"not taken down: {POOL}: pool is busy" in machine.said
    assert "not taken down: dm-0: in use by what stands on it" in machine.said


def test_swap_and_loop_and_caches() -> None:
    present = Present(
        (SELF, mount(2, 1, "/oldroot", "loop0"), mount(3, 1, "/run/initpy/host", "bcache0")),
        (
            block("loop0", state="bound"),
            block("loop1"),
            block("bcache0", "sda", "cache-set/u"),
            block("cache-set/u", "sdb"),
            block("dm-3", "sdc"),
        ),
        (("/dev/dm-3", "dm-3"),),
    )
    done = Machine(present).run().done
    assert done.index((Deed.UNMOUNT, "/oldroot")) < done.index((Deed.UNBIND, "loop0"))
    assert done.index((Deed.STOP_CACHE, "bcache0")) < done.index((Deed.STOP_CACHE, "cache-set/u"))
    assert done.index((Deed.SWAP_OFF, "/dev/dm-3")) < done.index((Deed.REMOVE, "dm-3"))
    assert (Deed.UNBIND, "loop1") not in done


def test_every_kind_that_the_handover_counts_has_its_steps() -> None:
    assert {*PREFIXES, CACHE_SET} == {*LAYERS}
