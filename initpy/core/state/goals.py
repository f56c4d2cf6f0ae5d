"""The owner of what the boot is to reach: which devices are root, what is mounted, the handover."""

from collections.abc import Collection, Iterable

from initpy.core.devices.names import DeviceSpec
from initpy.core.settings import ExtraMount
from initpy.core.state.current_event import CurrentEvent

SYSROOT = "/sysroot"
RESUME_OVER = "resume-over"  # the record that tells a later engine that nothing is resumed (R5)
HOST = "/run/initpy/host"  # where the file system is mounted that has the root in a file


class Goals:
    """Candidates and matches for root and extra mounts, and what was reached."""

    def __init__(self, current: CurrentEvent, resuming: bool) -> None:
        self.current = current
        self.resuming = resuming  # a hibernated system may be resumed: nothing may be written yet
        self.mounted: dict[str, str] = {}  # target -> source
        self.extra_mounts: tuple[ExtraMount, ...] = ()  # known once root is mounted
        self.complete = False  # every goal is reached
        self.reached_at = 0.0  # since when
        self.handed_over = False
        self.in_memory = False  # the device for changes to root has not come: they go to memory
        self.checked_others = False  # the check of a file system has begun that root does not need
        self.enumerated = False  # all devices have been told once
        self.refused = ""  # why the mounted root could not be handed over to
        self.sole_candidate = (
            False  # no other disk has shown a root partition for a while (gpt-auto)
        )
        # What is taken for root since nothing has the name that root= says, by a name that it has.
        self.stand_in: DeviceSpec | None = None
        self._candidates: set[str] = set()  # devices that root= names
        self._matches: set[str] = set()  # candidates that may be mounted
        self._overlay_devices: set[str] = set()  # for the changes to root
        self._targets: dict[str, set[str]] = {}  # where -> the devices marked so
        self._leaving = False  # only tools that root does not stand on are waited for

    @property
    def root_mounted(self) -> bool:
        """True once root is mounted."""
        return SYSROOT in self.mounted

    def rule_out_resume(self) -> None:
        """No hibernated system is resumed any more: file systems may be written to."""
        self.resuming = False
        self.current.stir()

    def mount(self, target: str, source: str) -> None:
        """Something is mounted there."""
        self.mounted[target] = source
        self.current.stir()

    def want(self, extra_mounts: tuple[ExtraMount, ...]) -> None:
        """These are wanted below root."""
        self.extra_mounts = extra_mounts

    def reach(self, now: float) -> None:
        """Note that every goal is reached: what is left is the handover."""
        self.complete, self.reached_at = True, now
        self.current.stir()

    def check_other(self) -> None:
        """Note that a file system is checked that root does not need."""
        self.checked_others = True

    def unmounted(self) -> list[ExtraMount]:
        """What is still to be mounted below root."""
        return [each for each in self.extra_mounts if SYSROOT + each.target not in self.mounted]

    # Root

    @property
    def root_candidates(self) -> Collection[str]:
        """The devices that root= names."""
        return self._candidates

    @property
    def root_matches(self) -> Collection[str]:
        """The devices that may be mounted as root."""
        return self._matches

    def name_all(self, names: set[str]) -> None:
        """root= names just these devices."""
        self._candidates = names

    def name(self, device: str, named: bool) -> bool:
        """root= names this device, or does not; True if that is new."""
        if named is (device in self._candidates):
            return False
        (self._candidates.add if named else self._candidates.discard)(device)
        return True

    def stand_in_for_root(self, spec: DeviceSpec | None) -> None:
        """Take the device of this name for root; None: what root= names has turned up."""
        self.stand_in = spec

    def match(self, names: set[str]) -> list[str]:
        """Just these devices may be mounted as root; the devices for which that is new."""
        changed = sorted(names ^ self._matches)
        self._matches = names
        return changed

    def alone(self) -> None:
        """No other disk has shown a root partition for a while."""
        self.sole_candidate = True

    # The overlay, and what belongs below root

    def overlay_on(self, device: str, usable: bool) -> bool:
        """The overlay may use this device, or not; True if it may use any."""
        (self._overlay_devices.add if usable else self._overlay_devices.discard)(device)
        return bool(self._overlay_devices)

    def keep_in_memory(self) -> None:
        """Do without the device for the changes to root."""
        self.in_memory = True

    def overlay_devices(self) -> list[str]:
        """The devices that the changes to root may go to."""
        return sorted(self._overlay_devices)

    def aim(self, device: str, before: str | None, target: str | None) -> None:
        """The device is to be mounted at `target` now, no longer at `before`."""
        if before is not None:
            self._targets.get(before, set()).discard(device)
        if target is not None:
            self._targets.setdefault(target, set()).add(device)

    def forget(self, device: str) -> None:
        """The device is gone."""
        for names in self._targets.values():
            names.discard(device)

    def devices_for(self, places: Iterable[str]) -> set[str]:
        """The devices that are to be mounted at these places."""
        found: set[str] = set()
        for place in places:
            found |= self._matches if place == SYSROOT else self._targets.get(place, set())
        return found

    # The handover

    def leave(self) -> bool:
        """Begin to wait for tools that root does not stand on; False if that has begun."""
        begun, self._leaving = self._leaving, True
        return not begun

    def hand_over(self) -> None:
        """Root is handed over."""
        self.handed_over = True
        self.current.stir()

    def refuse(self, reason: str) -> None:
        """The mounted root has nothing to hand over to."""
        self.handed_over, self.refused = False, reason
        self.current.stir()

    def accept(self) -> None:
        """The mounted root may be tried again."""
        self.refused = ""
