"""udev: the kernel's events, the daemon that looks at devices, who listens, who waits for it."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from initpy.core.devices.graph import Device
from initpy.core.events import DeviceChanged, DeviceRemoved
from initpy.simulation.kernel.probe import as_device, look, told_late
from initpy.simulation.kernel.reading import AGAIN_SECONDS, Reading, reading, silence_of
from initpy.simulation.world.random_faults import LATE_SECONDS
from initpy.simulation.world.waits import Cookie
from initpy.simulation.world.world import Block, World

LOOK_SECONDS = 0.25  # a worker and the rules, programs included
READY_SECONDS = 0.4  # until udevd listens
RESTART_SECONDS = 0.5  # PID 1 waits before it starts it again
WORKER_SECONDS = 180.0  # event_timeout of udevd(8): then it kills the worker
MOST_FAILURES = 3  # so often the engine triggers a device again at which a worker has died

Told = DeviceChanged | DeviceRemoved


class Uevent(NamedTuple):
    """What the kernel announces."""

    action: str
    block: Block
    cookie: Cookie | None = None
    synthetic: bool = False


def _name_of(event: Told) -> str:
    return event.name if isinstance(event, DeviceRemoved) else event.device.name


class Udev:
    """The daemon; `listener` is the engine's monitor, None while there is no engine."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.listener: Callable[[Told], None] | None = None
        self.lost: Callable[[Block], None] | None = None  # a worker died: the engine is told
        self.alive = False
        self.deaths = 0
        self._queues: dict[str, deque[Uevent]] = {}
        self._working: dict[str, list[object]] = {}  # name -> agenda entry
        self._failures: dict[str, int] = {}  # name -> how many workers have failed
        self._held: dict[str, float] = {}  # name -> when the last of its delayed events is told
        self._since: dict[str, float] = {}  # name -> since when one waits for a server
        self.cookies: list[Cookie] = []
        self.whenever_ready: list[Callable[[], None]] = []
        self.start_again: Callable[[], None] = self.start  # what its parent does when it dies

    @property
    def busy(self) -> bool:
        """Whether there is something that it has not dealt with."""
        return bool(self._working)

    def uevent(
        self, action: str, block: Block, cookie: Cookie | None = None, synthetic: bool = False
    ) -> None:
        """The kernel announces something; without a daemon it is lost."""
        if cookie is not None:
            cookie.count += 1
            self.cookies.append(cookie)
        if not self.alive:
            return
        world = self._world
        event = Uevent(action, block, cookie, synthetic)
        queue = self._queues.get(block.name)
        if queue is None:
            queue = self._queues[block.name] = deque()
        queue.append(event)
        if block.name not in self._working:
            self._next(block.name)
        if world.chance.happens(world.chance.random_faults.udevd_dies):
            self.die("killed by signal 9")

    def _next(self, name: str) -> None:
        chance = self._world.chance
        seconds = chance.jitter(LOOK_SECONDS)
        if chance.happens(chance.random_faults.late):
            seconds += chance.below(LATE_SECONDS)
        if self._world.shown and (told := self._shown(self._queues[name][0].block)) is not None:
            seconds = max(0.0, told - self._world.now)
        seconds += self._late_disk(self._queues[name][0].block)
        self._working[name] = self._world.agenda.after(seconds, self._looked, name)

    def _late_disk(self, block: Block) -> float:
        """How much longer it takes for a disk that is told of after its partitions."""
        first = block.disk is not None and block.part is None and block.known is None
        return block.disk.announced if first and block.disk is not None else 0.0

    def _shown(self, block: Block) -> float | None:
        """When a disk is told of first, where that is known from a real boot."""
        if block.disk is None or block.part is not None:
            return None
        return self._world.shown.pop(block.disk.name, None)

    def _looked(self, name: str) -> None:
        """A worker has finished with the first event of this device."""
        queue = self._queues[name]
        if self._world.short:  # no worker can be started
            self._working[name] = self._world.agenda.after(AGAIN_SECONDS, self._looked, name)
            return
        if self._reads(queue[0]):
            if self._world.silent and self._hangs(name, queue[0].block):
                return
            if self._world.network is not None and self._awaits(name, queue[0].block):
                return
        event = queue.popleft()
        del self._working[name]
        if queue:
            self._next(name)
        self._finish(event)
        if event.cookie is not None:
            event.cookie.complete()

    @staticmethod
    def _reads(event: Uevent) -> bool:
        return event.action != "remove" and event.block.present

    def _hangs(self, name: str, block: Block) -> bool:
        """Whether the worker waits for the disk; udevd kills it in the end (event_timeout)."""
        silence = silence_of(self._world, block)
        if silence is None:
            return False
        entry = self._world.agenda.after(WORKER_SECONDS, self._give_up, name)
        self._working[name] = entry

        def woken() -> None:
            if self._working.get(name) is entry:
                self._world.agenda.cancel(entry)
                self._looked(name)

        silence.wait(woken)
        return True

    def _awaits(self, name: str, block: Block) -> bool:
        """Whether the worker waits for the disk of a server, until that answers or fails."""
        if reading(self._world, block) is not Reading.WAITS:
            self._since.pop(name, None)
            return False
        since = self._since.setdefault(name, self._world.now)
        if self._world.now >= since + WORKER_SECONDS:
            del self._since[name]
            self._give_up(name)
        else:
            self._working[name] = self._world.agenda.after(AGAIN_SECONDS, self._looked, name)
        return True

    def _give_up(self, name: str) -> None:
        del self._working[name]
        queue = self._queues[name]
        event = queue.popleft()
        if queue:
            self._next(name)
        self._failed(event, again=self._fails_again(name))

    def _fails_again(self, name: str) -> bool:
        """Count a failure; whether the engine triggers the device once more."""
        self._failures[name] = self._failures.get(name, 0) + 1
        return self._failures[name] <= MOST_FAILURES

    def _finish(self, event: Uevent) -> None:
        block, world = event.block, self._world
        if event.action == "remove":
            if block.present:
                return
            self._tell(DeviceRemoved(block.name))
            # 69-initpy-lvm.rules: what is gone does not count as online.
            for uuid, (number, _) in tuple(world.online.items()):
                if number == block.number:
                    del world.online[uuid]
            return
        if not block.present:
            return
        primary = event.cookie is not None or (event.synthetic and event.action == "change")
        if block.known is not None and "DM_NAME" in block.known:
            primary = True
        block.known, block.links = look(world, block, primary)
        block.told = None
        if block.known.get("ID_FS_TYPE") in ("ext4", "xfs", "f2fs", "squashfs", "erofs", "btrfs"):
            world.modules.add(f"fs-{block.known['ID_FS_TYPE']}")
        if world.run_full:
            self._unwritten(block)
        else:
            self._tell(DeviceChanged(as_device(world, block)))

    def _unwritten(self, block: Block) -> None:
        """udevd has no room for its record of the device, and says so with all that it found.

        The record is removed (device_update_db() in systemd's device-private.c).
        """
        again = self._fails_again(block.name)
        known = dict(block.known or ())
        if again:
            block.known = {**known, "UDEV_WORKER_FAILED": "1", "UDEV_WORKER_ERRNO": "28",
                           "UDEV_WORKER_ERRNO_NAME": "ENOSPC"}  # fmt: skip
        found = as_device(self._world, block)
        block.known, block.told = None, None
        if self.listener is None:
            return
        self._tell(DeviceChanged(found))
        if again:
            self.announce(block)

    def _tell(self, event: Told) -> None:
        """The engine's monitor gets it, unless something goes wrong on the way."""
        listener, chance, name = self.listener, self._world.chance, _name_of(event)
        if listener is None:
            return
        due = now = self._world.now
        if chance.seeded:
            random_faults = chance.random_faults
            if chance.happens(random_faults.lost):
                return
            if chance.happens(random_faults.reordered):
                due += chance.below(2.0)
            elif chance.happens(random_faults.doubled):
                self._world.agenda.after(chance.below(1.0), self._again, listener, name)
        # Events of one device stay in their order: the kernel numbers them, udevd takes them so.
        due = max(due, self._held.get(name, now))
        if due > now:
            self._held[name] = due
            self._world.agenda.at(due, self._late, listener, event)
        else:
            listener(event)

    def _late(self, listener: Callable[[Told], None], event: Told) -> None:
        if self.listener is not listener:  # of an engine that is gone
            return
        if isinstance(event, DeviceChanged):
            event = DeviceChanged(told_late(self._world, event.device))
        listener(event)

    def _again(self, listener: Callable[[Told], None], name: str) -> None:
        """The device is told of once more, as it is by now, unless news of it is under way."""
        block, now = self._world.blocks.get(name), self._world.now
        if self.listener is not listener or self._held.get(name, now) > now:
            return
        if block is None:
            listener(DeviceRemoved(name))
        elif block.known is not None:
            listener(DeviceChanged(as_device(self._world, block)))

    # The daemon's own life

    def start(self, delay: float = READY_SECONDS) -> None:
        """PID 1 starts it; when it listens, it says so."""
        self._world.agenda.after(self._world.chance.jitter(delay), self._ready)

    def _ready(self) -> None:
        self.alive = True
        for each in self.whenever_ready:
            each()

    def die(self, how: str) -> None:
        """It is gone with all that it had in hand; PID 1 starts another one."""
        if not self.alive:
            return
        self.alive = False
        self.deaths += 1
        self._forget_work()
        self._world.terminals.say(f"initpy: udevd has ended ({how}); it is started again")
        self._world.agenda.after(RESTART_SECONDS, self.start_again)

    def _forget_work(self) -> None:
        for entry in self._working.values():
            self._world.agenda.cancel(entry)
        self._working.clear()
        self._queues.clear()

    def kill_workers(self) -> list[str]:
        """The workers at work die: what each looked at is announced as failed (UDEV_WORKER_FAILED).

        Returns the names of the devices.
        """
        names = list(self._working)
        for name in names:
            if name not in self._working:
                continue  # udevd itself has died of what came before
            self._world.agenda.cancel(self._working.pop(name))
            queue = self._queues[name]
            event = queue.popleft()
            if queue:
                self._next(name)
            self._failed(event)
        return names

    def _failed(self, event: Uevent, again: bool = True) -> None:
        """udevd forgets the device and passes the event on bare (systemd 252, on_sigchld())."""
        block = event.block
        if event.action == "remove" or not block.present:
            return
        kind = "disk" if block.part is None else "partition"
        block.known = {"KERNEL": block.name, "DEVNAME": block.node, "DEVTYPE": kind}
        block.known |= {"UDEV_WORKER_FAILED": "1"} if again else {}
        block.links, block.told = frozenset(), None
        bare = as_device(self._world, block)
        block.known, block.told = None, None
        if self.listener is None:
            return  # the next engine finds a device that udev does not know
        self._tell(DeviceChanged(bare))
        # The engine releases waiting tools and re-triggers the device.
        if event.cookie is not None:
            event.cookie.complete()
        if again:
            self.announce(block)

    def release(self) -> None:
        """`dmsetup udevcomplete_all`: release tools that wait for a dead daemon."""
        cookies, self.cookies = self.cookies, []
        for each in cookies:
            each.complete(whole=True)

    def announce(self, block: Block) -> None:
        """Announced again through sysfs, as coldplug does it."""
        self.uevent("change" if block.mapping is not None else "add", block, None, True)

    # What the engine reads

    def present(self) -> tuple[Device, ...]:
        """The devices that udev has finished with."""
        world = self._world
        return tuple(
            as_device(world, each) for each in world.blocks.values() if each.known is not None
        )
