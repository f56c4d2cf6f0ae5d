"""Unlocking: one secret per volume, from whichever source answers first (R10, R12).

The sources are tried in this order, each at most once: the key file that
crypttab or the command line names; passphrases that opened another volume;
then people are asked, one volume at a time, until the volume's tries are used.
"""

from dataclasses import dataclass, field

from initpy.core.actions import Ask, Withdraw
from initpy.core.definitions import Strategy
from initpy.core.events import Answered, JobEnded
from initpy.core.instance import Instance, JobState, Stimulus
from initpy.core.running import ended, start
from initpy.core.secret import Secret
from initpy.core.settings import DeviceSpec, Naming, VolumeSpec
from initpy.core.state import State
from initpy.core.timers import Timer

WRONG_PASSPHRASE = 2  # EXIT CODES in cryptsetup(8)


@dataclass(slots=True)
class Unlocking:
    """What has been tried on one volume."""

    key_refused: bool = False  # the key file does not open it, or cannot be used
    known_tried: int = 0  # so many of the known passphrases
    wrong: int = 0  # passphrases typed for this volume and refused
    secret: Secret | None = None  # for the next run, or in use
    typed: bool = False  # by a person, for this volume
    using: str = ""  # source in use, for people


@dataclass(slots=True)
class Unlocker:
    """The unlock strategy; remembers per instance what was tried."""

    tried: dict[str, Unlocking] = field(default_factory=dict)

    def of(self, instance: Instance) -> Unlocking:
        """What was tried on this instance's volume."""
        return self.tried.setdefault(instance.key, Unlocking())

    def forget(self, instance: Instance) -> None:
        """The volume is gone, or starts afresh."""
        memo = self.tried.pop(instance.key, None)
        if memo is not None and memo.secret is not None and not instance.busy:
            memo.secret.wipe()

    def wipe(self, state: State) -> None:
        """No secret is needed any more (R14)."""
        for secret in state.known:
            secret.wipe()
        state.known.clear()
        for memo in self.tried.values():
            if memo.secret is not None:
                memo.secret.wipe()
                memo.secret = None

    def step(self, state: State, instance: Instance) -> None:
        """An unlock is ready to go on: use the next source, or wait for people."""
        memo, volume = self.of(instance), specification(state, instance)
        has_key = volume.key is not None and not memo.key_refused
        if not has_key and memo.secret is None and memo.known_tried >= len(state.known):
            if instance.key not in state.prompts:
                state.prompts[instance.key] = None
                instance.reason = "waits for a passphrase"
        elif (name := state.awaits_job(instance)) is not None:
            instance.reason = f"waits for {name} to end"
        elif has_key:
            self._run(state, instance, volume, f"the key file {volume.key}")
        elif memo.secret is not None:
            self._run(state, instance, volume, memo.using)
        else:
            memo.secret = Secret(state.known[memo.known_tried].reveal())
            memo.known_tried += 1
            memo.typed = False
            self._run(state, instance, volume, "a passphrase that opened another volume")

    def _run(self, state: State, instance: Instance, volume: VolumeSpec, using: str) -> None:
        memo = self.of(instance)
        memo.using = using
        key = "-" if memo.secret is not None or volume.key is None else volume.key
        command: list[str] = []
        for word in instance.definition.run:
            if word == "{options}":
                command.extend(volume.options)
            else:
                filled = word.replace("{key}", key).replace("{mapping}", volume.name)
                command.append(state.fill(filled, instance))
        drop_prompt(state, instance, f"{volume.name} is being unlocked")
        start(state, instance, tuple(command), memo.secret)
        instance.reason = f"being unlocked with {using}"

    def answered(self, state: State, instance: Instance, event: Answered) -> None:
        """A person typed something for this volume."""
        memo = self.of(instance)
        state.asking = None if state.asking == instance.key else state.asking
        if not event.secret.reveal():
            return  # just Enter: the prompt comes again, and no try is used up
        state.prompts.pop(instance.key, None)
        if instance.state is not JobState.READY:
            event.secret.wipe()
            return
        memo.secret, memo.typed, memo.using = event.secret, True, "the passphrase typed"
        state.touch(instance)

    def ended(self, state: State, instance: Instance, event: JobEnded) -> None:
        """cryptsetup has ended: keep what opened the volume, ask again for what did not."""
        memo, volume = self.of(instance), specification(state, instance)
        if event.status == 0:
            if memo.secret is not None and memo.typed:
                state.known.append(memo.secret)
                # Others that wait for a person may try this passphrase first.
                state.touch_all(state.pending[Strategy.UNLOCK].values())
            elif memo.secret is not None:
                memo.secret.wipe()
            memo.secret = None
            state.report(f"{volume.name}: unlocked")
            ended(state, instance, event)
        elif event.status == WRONG_PASSPHRASE or self._useless_key(instance):
            self._refused(state, instance, volume, event)
        else:
            # The tool failed, not the secret: it is kept for the next try.
            ended(state, instance, event)

    def _useless_key(self, instance: Instance) -> bool:
        """A key file with which the tool has failed as often as it may: people come next."""
        last = instance.failures + 1 >= instance.definition.tries
        return last and self.of(instance).secret is None

    def _refused(
        self, state: State, instance: Instance, volume: VolumeSpec, event: JobEnded
    ) -> None:
        memo = self.of(instance)
        state.timers.cancel(Timer.LIMIT, instance.key)
        typed = memo.typed and memo.secret is not None
        if memo.secret is None:
            memo.key_refused = True
            instance.failures = 0
        else:
            memo.secret.wipe()
            memo.secret = None
        if typed:
            memo.wrong += 1
            state.report(f"{volume.name}: wrong passphrase")
        else:
            detail = event.error or f"status {event.status}"
            state.report(f"{volume.name}: {memo.using} does not open it ({detail})")
        state.move(instance, Stimulus.RETRY, f"{memo.using} was refused")
        if typed and volume.tries and memo.wrong >= volume.tries:
            instance.failures = instance.definition.tries
            state.move(instance, Stimulus.GIVEN_UP, f"{memo.wrong} wrong passphrases")


def specification(state: State, instance: Instance) -> VolumeSpec:
    """What people said about this volume; `luks-UUID` and the defaults when nothing."""
    device = state.device(instance)
    if device is not None and (given := state.settings.volume(device)):
        return given
    name = f"luks-{device.properties.get('ID_FS_UUID', device.name)}" if device else "luks"
    return VolumeSpec(DeviceSpec(Naming.PATH, device.node if device else ""), name)


def drop_prompt(state: State, instance: Instance, reason: str) -> None:
    """The volume needs no person any more."""
    state.prompts.pop(instance.key, None)
    if state.asking == instance.key:
        state.asking = None
        state.act(Withdraw(instance.key, reason))


def next_prompt(state: State, unlocker: Unlocker) -> None:
    """Show the first prompt of the queue unless one is up, or an answer is being tried.

    While an answer is tried the others wait: it may open them too (R12).
    """
    if state.asking is not None or not state.prompts:
        return
    pending = state.pending[Strategy.UNLOCK].values()
    if any(each.busy and unlocker.of(each).typed for each in pending):
        return
    instance = state.instances[next(iter(state.prompts))]
    volume, memo = specification(state, instance), unlocker.of(instance)
    device = state.device(instance)
    again = f", try {memo.wrong + 1} of {volume.tries}" if memo.wrong and volume.tries else ""
    state.asking = instance.key
    node = device.node if device else instance.subject
    state.act(Ask(instance.key, f"Passphrase for {volume.name} ({node}{again}): "))
