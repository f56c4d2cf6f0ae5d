"""Unlocking: one secret per volume, from whichever source answers first (R10, R12).

What needs nobody is tried first: the key that crypttab or the command line
names, passphrases that opened another volume, the empty passphrase where
people said so. Then people are asked, one volume at a time, until the
volume's tries are used; a key that turns up meanwhile is tried beside them
(R11), and the prompt stays until something has opened the volume.
"""

import enum
from dataclasses import dataclass, field

from initpy.core.actions import Ask, GiveWay, Withdraw
from initpy.core.devices.graph import Device
from initpy.core.events import Answered, Fetched, JobEnded
from initpy.core.machine.context import State
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import Instance, JobState, Stimulus
from initpy.core.machine.rules import ended, start
from initpy.core.machine.timers import Timer
from initpy.core.secret import Secret
from initpy.core.settings import DeviceSpec, KeySpec, Naming, VolumeSpec
from initpy.core.unlock.fetched import Fetching, Sources, Stage

WRONG_PASSPHRASE = 2  # EXIT CODES in cryptsetup(8)


class Source(enum.Enum):
    """Where the secret of a run comes from; the value is for people."""

    KEY = "key"
    TYPED = "the passphrase typed"
    KNOWN = "a passphrase that opened another volume"
    EMPTY = "the empty passphrase"


@dataclass(slots=True)
class Unlocking:
    """What has been tried on one volume."""

    key_refused: bool = False  # the key does not open it, or cannot be used
    known_tried: int = 0  # so many of the known passphrases
    empty_tried: bool = False
    wrong: int = 0  # passphrases typed for this volume and refused
    typed: Secret | None = None  # by a person, for this volume; not tried yet
    source: Source | None = None  # in use, or for the next run of a tool that failed
    secret: Secret | None = None  # the same; None: cryptsetup reads a file of the image
    told: bool = False  # people were told what could be plugged in
    gave_way: bool = False  # its prompt, which is up, was to let another one go first


@dataclass(slots=True)
class Unlocker:
    """The unlock strategy; remembers per instance what was tried."""

    tried: dict[str, Unlocking] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)

    def of(self, instance: Instance) -> Unlocking:
        """What was tried on this instance's volume."""
        found = self.tried.get(instance.key)
        if found is None:
            found = self.tried[instance.key] = Unlocking()
        return found

    def lacks_a_key(self, instance: Instance) -> bool:
        """True while a device that its key is to come from is not there."""
        return any(True for _ in self.sources.missing(instance))

    def has_answer(self, instance: Instance) -> bool:
        """True while what a person typed for it is tried, or about to be."""
        memo = self.of(instance)
        return memo.typed is not None or (instance.busy and memo.source is Source.TYPED)

    def forget(self, state: State, instance: Instance) -> None:
        """The volume is gone, or starts afresh."""
        self.sources.drop(state, instance)
        memo = self.tried.pop(instance.key, None)
        for secret in (memo.secret, memo.typed) if memo is not None else ():
            if secret is not None and not instance.busy:
                secret.wipe()

    def wipe(self, state: State) -> None:
        """No secret is needed any more (R14)."""
        for secret in state.known:
            secret.wipe()
        state.known.clear()
        for instance in state.instances.values():
            if instance.definition.strategy is Strategy.UNLOCK:
                self.sources.drop(state, instance)
        for memo in self.tried.values():
            for each in (memo.secret, memo.typed):
                if each is not None:
                    each.wipe()
            memo.secret = memo.typed = None

    def step(self, state: State, instance: Instance) -> None:
        """An unlock is ready to go on: use the next source, or wait for people."""
        memo, volume = self.of(instance), specification(state, instance)
        instance.idle = False
        header = self._header(state, instance, volume)
        if header is not None and not self._usable_header(state, instance, volume, header):
            return
        source = self._next(state, instance, volume)
        if source is None:
            self._ask(state, instance, volume)
        elif (name := state.awaits_job(instance)) is not None:
            instance.reason = f"waits for {name} to end"
        elif header is not None and header.stage is Stage.READING:
            instance.reason = "its header is being checked"
        else:
            if memo.source is None:
                self._take(state, instance, source)
            self._run(state, instance, volume, header)

    def _header(self, state: State, instance: Instance, volume: VolumeSpec) -> Fetching | None:
        if volume.header is None:
            return self.sources.own_header(state, instance, volume.name)
        return self.sources.header(state, instance, volume.header, volume.name)

    def _usable_header(
        self, state: State, instance: Instance, volume: VolumeSpec, header: Fetching
    ) -> bool:
        """False while there is no point in asking anybody."""
        if volume.header is None:
            if header.stage is not Stage.SPENT:
                return True
            why = f"its LUKS2 header: {header.error}"
            drop_prompt(state, instance, f"{volume.name} cannot be unlocked; {why}")
            instance.failures = instance.definition.tries
            state.move(instance, Stimulus.GIVEN_UP, why)
            return False
        if header.stage is Stage.READ:
            return True
        instance.idle = header.stage is not Stage.READING
        instance.reason = f"its header {volume.header}: {header.stage.value}"
        return False

    def _next(self, state: State, instance: Instance, volume: VolumeSpec) -> Source | None:
        """The source to use now; None when there is none but people."""
        memo, key = self.of(instance), volume.key
        if memo.source is not None:
            return memo.source  # again: the tool had failed, not the secret
        if key is not None and in_image(key):
            if not memo.key_refused:
                return Source.KEY
        elif key is not None:
            found = self.sources.key(state, instance, key, volume.name)
            if found.stage is Stage.READ:
                return Source.KEY
        if memo.typed is not None:
            return Source.TYPED
        if memo.known_tried < len(state.known):
            return Source.KNOWN
        return Source.EMPTY if volume.empty and not memo.empty_tried else None

    def _take(self, state: State, instance: Instance, source: Source) -> None:
        """Get the secret of a source ready for the run."""
        memo = self.of(instance)
        memo.source = source
        if source is Source.KEY:
            memo.secret = self.sources.take_key(instance)
        elif source is Source.TYPED:
            memo.secret, memo.typed = memo.typed, None
        elif source is Source.KNOWN:
            memo.secret = Secret(state.known[memo.known_tried].reveal())
            memo.known_tried += 1
        else:
            memo.secret, memo.empty_tried = Secret(b"\n"), True

    def _ask(self, state: State, instance: Instance, volume: VolumeSpec) -> None:
        """Nothing else is left: queue for the prompt, unless people are out of tries."""
        memo = self.of(instance)
        if state.timers.armed(Timer.PATIENCE, instance.key):
            absent = any(True for _ in self.sources.missing(instance))
            instance.reason = f"{volume.key} {'may come yet' if absent else 'is being read'}"
        elif volume.tries and memo.wrong >= volume.tries:
            instance.failures = instance.definition.tries
            plural = "s" if memo.wrong > 1 else ""
            state.move(instance, Stimulus.GIVEN_UP, f"{memo.wrong} wrong passphrase{plural}")
        elif volume.headless:
            instance.idle = True
            instance.reason = f"waits for {volume.key or 'a key'}; nobody is asked (headless)"
        else:
            state.prompts.setdefault(instance.key)
            instance.reason = "waits for a passphrase"
            if any(True for _ in self.sources.missing(instance)):
                instance.reason += f", or for {volume.key}"
                if not memo.told:
                    state.report(f"{volume.name}: {volume.key} is used as soon as it is there")
                    memo.told = True

    def _run(
        self, state: State, instance: Instance, volume: VolumeSpec, header: Fetching | None
    ) -> None:
        memo = self.of(instance)
        key, options = self._key_words(instance, volume), volume.options
        if "--hash" in key:
            options = tuple(each for each in options if not each.startswith("--hash="))
        if header is not None and header.path:
            options = (f"--header={header.path}", *options)
        words = {"options": options, "key": key}
        command: list[str] = []
        for word in instance.definition.run:
            if word in ("{options}", "{key}"):
                command.extend(words[word[1:-1]])
            else:
                filled = word.replace("{mapping}", volume.name).replace("{type}", volume.kind)
                command.append(state.fill(filled, instance))
        start(state, instance, tuple(command), memo.secret)
        instance.reason = f"being unlocked with {self._in_words(instance, volume)}"

    def _key_words(self, instance: Instance, volume: VolumeSpec) -> tuple[str, ...]:
        """The arguments that say where the secret is; the empty one is a line of its own."""
        memo, key = self.of(instance), volume.key
        if memo.source is Source.EMPTY:
            return ()
        if memo.source is not Source.KEY or key is None:
            return ("--key-file", "-")
        # A key is used as it is, a passphrase for a volume without header is hashed.
        raw = ("--hash", "plain") if volume.kind == "plain" and memo.secret is not None else ()
        if memo.secret is not None:
            return ("--key-file", "-", *raw)
        offset = (f"--keyfile-offset={key.offset}",) if key.offset else ()
        size = (f"--keyfile-size={key.size}",) if key.size else ()
        return ("--key-file", key.path, *offset, *size)

    def _in_words(self, instance: Instance, volume: VolumeSpec) -> str:
        source = self.of(instance).source
        return str(volume.key) if source in (Source.KEY, None) else source.value

    def answered(self, state: State, instance: Instance, event: Answered) -> None:
        """A person typed something for this volume."""
        memo = self.of(instance)
        state.timers.cancel(Timer.ANSWER, instance.key)
        state.asking = None if state.asking == instance.key else state.asking
        queued = instance.key in state.prompts
        state.prompts.pop(instance.key, None)
        if not event.secret.reveal():
            # Just Enter: no try is used up, and the next volume's prompt comes, or this again.
            if queued:
                state.prompts[instance.key] = None
            return
        if not instance.expected or memo.typed is not None:
            event.secret.wipe()
            return
        memo.typed = event.secret
        state.touch(instance)

    def fetched(self, state: State, event: Fetched) -> None:
        """A key or header has been read, or could not be."""
        found = self.sources.fetched(state, event)
        instance = state.instances.get(event.job)
        if found is None or instance is None:
            return
        volume = specification(state, instance)
        node = device.node if (device := state.device(instance)) else instance.subject
        if event.error:
            what = f"its header {volume.header or f'on {node}'}" if found[1] else volume.key
            state.report(f"{volume.name}: {what} cannot be read: {event.error}")
        elif event.path and volume.header is None:
            state.report(
                f"{volume.name}: one of the two LUKS2 headers on {node} is damaged; the other one "
                f"is used, and nothing is written (cryptsetup repair {node} would mend it)"
            )
        if not event.error:
            self._revive(state, instance)
        state.touch(instance)

    def _revive(self, state: State, instance: Instance) -> None:
        """A volume that people gave up may still be opened by a key (R11)."""
        if instance.state is JobState.FAILED and instance.failures >= instance.definition.tries:
            instance.failures = 0
            state.move(instance, Stimulus.RETRY, "a key has turned up")

    def device_changed(self, state: State, device: Device) -> None:
        """A device may be the one that a key or header is on."""
        for instance in self.sources.concerned(state, device):
            self._revive(state, instance)
            state.touch(instance)

    def timer(self, state: State, timer: Timer, instance: Instance) -> None:
        """Time is up for the key's device, or for people."""
        volume = specification(state, instance)
        if timer is Timer.ABSENT and self.sources.give_up_key(instance):
            state.report(f"{volume.name}: {volume.key} has not come within its time")
        elif timer is Timer.ANSWER and instance.state is JobState.READY:
            drop_prompt(state, instance, f"no passphrase for {volume.name} in time")
            instance.failures = instance.definition.tries
            why = f"nobody typed a passphrase within {volume.timeout:.0f} s (timeout=)"
            state.move(instance, Stimulus.GIVEN_UP, why)

    def ended(self, state: State, instance: Instance, event: JobEnded) -> None:
        """cryptsetup has ended: keep what opened the volume, ask again for what did not."""
        memo, volume = self.of(instance), specification(state, instance)
        if event.status == 0:
            if memo.secret is not None and memo.source is Source.TYPED:
                state.known.append(memo.secret)
                # Others that wait for a person may try this passphrase first.
                state.touch_all(state.pending[Strategy.UNLOCK].values())
            elif memo.secret is not None:
                memo.secret.wipe()
            how = self._in_words(instance, volume)
            memo.secret = memo.source = None
            drop_prompt(state, instance, f"{volume.name} needs no passphrase any more: {how} fits")
            state.report(f"{volume.name}: unlocked")
            self.let_go(state, instance)
            ended(state, instance, event)
        elif event.status == WRONG_PASSPHRASE or self._useless_key(instance):
            self._refused(state, instance, volume, event)
        else:
            # The tool failed, not the secret: it is kept for the next try.
            ended(state, instance, event)

    def let_go(self, state: State, instance: Instance) -> None:
        """The volume is open, or gone: what was read or typed for it meanwhile is not needed."""
        self.sources.drop(state, instance)
        memo = self.tried.get(instance.key)
        if memo is not None and memo.typed is not None:
            memo.typed.wipe()
            memo.typed = None

    def _useless_key(self, instance: Instance) -> bool:
        """A key with which the tool has failed as often as it may: people come next."""
        last = instance.failures + 1 >= instance.definition.tries
        return last and self.of(instance).source is Source.KEY

    def _refused(
        self, state: State, instance: Instance, volume: VolumeSpec, event: JobEnded
    ) -> None:
        memo = self.of(instance)
        how = self._in_words(instance, volume)
        state.timers.cancel(Timer.LIMIT, instance.key)
        if memo.secret is not None:
            memo.secret.wipe()
        if memo.source is Source.TYPED:
            memo.wrong += 1
            state.report(f"{volume.name}: wrong passphrase")
        else:
            detail = event.error or f"status {event.status}"
            state.report(f"{volume.name}: {how} does not open it ({detail})")
        if memo.source is Source.KEY:
            memo.key_refused = True
            instance.failures = 0
        memo.secret = memo.source = None
        state.move(instance, Stimulus.RETRY, f"{how} was refused")


def in_image(key: KeySpec) -> bool:
    """True when cryptsetup itself can read the key."""
    return key.device is None and not key.program


def specification(state: State, instance: Instance) -> VolumeSpec:
    """What people said about this volume; `luks-UUID` and the defaults when nothing."""
    device = state.device(instance)
    volume = state.settings.volume(device) if device is not None else None
    if volume is None:
        name = f"luks-{device.properties.get('ID_FS_UUID', device.name)}" if device else "luks"
        volume = VolumeSpec(DeviceSpec(Naming.PATH, device.node if device else ""), name)
    path = state.settings.key_files.get(volume.name)
    # systemd's rule, crypttab(5): for volumes that no key is named for.
    return volume._replace(key=KeySpec(path)) if path and volume.key is None else volume


def drop_prompt(state: State, instance: Instance, reason: str) -> None:
    """The volume needs no person any more."""
    state.timers.cancel(Timer.ANSWER, instance.key)
    state.prompts.pop(instance.key, None)
    if state.asking == instance.key:
        state.asking = None
        state.act(Withdraw(instance.key, reason))


def next_prompt(state: State, unlocker: Unlocker) -> None:
    """Show the first prompt of the queue unless one is up, or an answer is being tried.

    While an answer is tried the others wait: it may open them too (R12). A
    volume whose key is to come from a device goes last: another volume may
    hold that device. Its prompt gives way when such a volume comes later.
    """
    if state.asking is not None or not state.prompts:
        if len(state.prompts) > 1:
            _give_way(state, unlocker)
        return
    if any(unlocker.has_answer(each) for each in state.pending[Strategy.UNLOCK].values()):
        return
    queue = [state.instances[key] for key in state.prompts]
    queue = [each for each in queue if each.state is JobState.READY]
    if not queue:
        return
    instance = min(queue, key=unlocker.lacks_a_key)
    volume, memo = specification(state, instance), unlocker.of(instance)
    device = state.device(instance)
    again = f", try {memo.wrong + 1} of {volume.tries}" if memo.wrong and volume.tries else ""
    state.asking, memo.gave_way = instance.key, False
    node = device.node if device else instance.subject
    state.act(Ask(instance.key, f"Passphrase for {volume.name} ({node}{again}): "))
    if volume.timeout:
        state.timers.start(Timer.ANSWER, instance.key, state.now + volume.timeout)


def _give_way(state: State, unlocker: Unlocker) -> None:
    """The prompt that is up may be for a volume whose key another one holds, which waits now."""
    asked = state.instances[state.asking or ""]
    if asked.key not in state.prompts or unlocker.of(asked).gave_way:
        return
    if asked.state is not JobState.READY or not unlocker.lacks_a_key(asked):
        return
    for each in map(state.instances.__getitem__, state.prompts):
        if each is not asked and each.state is JobState.READY and not unlocker.lacks_a_key(each):
            unlocker.of(asked).gave_way = True
            holds, locked = (specification(state, one).name for one in (each, asked))
            state.act(
                GiveWay(asked.key, f"{holds} is locked, too, and may hold the key of {locked}")
            )
            return
