"""People, arrivals and faults act when the file says, without a machine."""

import re
from pathlib import Path

from initpy.scenario.acts import Cue, Deed, Fault, Person
from initpy.scenario.director import Director, Do, Type
from initpy.scenario.model import Disk, Expectation, Outcome, Scenario

INIT = "[    3.5] Run /init as init process\n"


def scenario(
    people: tuple[Person, ...] = (), faults: tuple[Fault, ...] = (), disks: tuple[Disk, ...] = ()
) -> Scenario:
    expect = Expectation(Outcome.BOOTED, 60)
    return Scenario(
        Path("x.toml"), "x", (), 1024, "", disks, (), (), people, faults, expect
    )  # fmt: skip


def asked(after: float = 0, text: str = "secret\n") -> Person:
    return Person(Cue(when=re.compile("Passphrase"), after=after), text)


def test_a_person_types_some_time_after_the_prompt() -> None:
    director = Director(scenario(people=(asked(after=60),)))
    assert director.advance(INIT, 0) == []
    assert director.advance(INIT + "Passphrase for x: ", 5) == []
    assert director.advance(INIT + "Passphrase for x: ", 64.9) == []
    assert director.undone
    assert director.advance(INIT + "Passphrase for x: ", 65) == [Type("secret\n")]
    assert director.undone == ()


def test_the_second_person_waits_for_a_second_prompt() -> None:
    director = Director(scenario(people=(asked(text="wrong\n"), asked(text="right\n"))))
    text = INIT + "Passphrase for x: "
    assert director.advance(text, 1) == [Type("wrong\n")]
    assert director.advance(text, 2) == []
    assert director.advance(text + "\nPassphrase for x: ", 3) == [Type("right\n")]


def test_people_of_different_names_do_not_wait_for_each_other() -> None:
    cues = [Cue(when=re.compile(f"Passphrase for {volume}")) for volume in ("root", "swap")]
    people = tuple(Person(cue, f"{n}\n", name=str(n)) for n, cue in enumerate(cues))
    director = Director(scenario(people=people))
    text = INIT + "Passphrase for swap: "
    assert director.advance(text, 1) == [Type("1\n")]
    assert director.advance(text + "\nPassphrase for root: ", 2) == [Type("0\n")]


def test_a_disk_arrives_so_many_seconds_after_init_has_started() -> None:
    director = Director(scenario(disks=(Disk("a", 1, False, 20.0), Disk("b", 1))))
    assert director.advance("SeaBIOS", 100) == []
    assert director.advance(INIT, 103) == []
    assert director.advance(INIT, 122.9) == []
    assert director.advance(INIT, 123) == [Do(Deed.PLUG, "a")]


def test_faults_do_not_wait_for_people() -> None:
    fault = Fault(Cue(at=1.0), Deed.KILL_ENGINE)
    director = Director(scenario(people=(asked(),), faults=(fault,)))
    director.advance(INIT, 0)
    assert director.advance(INIT, 1) == [Do(Deed.KILL_ENGINE)]
    assert director.undone == ("type 'secret\\n' after 'Passphrase'",)


def test_with_a_person_at_the_keyboard_nobody_else_types() -> None:
    director = Director(scenario(people=(asked(),)), people=False)
    assert director.advance(INIT + "Passphrase", 1) == []
    assert director.undone == ()


def test_keys_are_pressed_one_by_one_at_the_persons_pace() -> None:
    slow = Person(Cue(when=re.compile("Passphrase")), "ab\n", pace=2)
    director = Director(scenario(people=(slow,)))
    text = INIT + "Passphrase for x: "
    assert director.advance(text, 5) == [Type("a")]
    assert director.advance(text, 6.9) == []
    assert director.advance(text, 7) == [Type("b")]
    assert director.undone
    assert director.advance(text, 9) == [Type("\n")]
    assert not director.undone


def test_what_was_not_typed_is_told_as_one_text() -> None:
    person = Person(Cue(when=re.compile("Passphrase")), "abc\n", pace=1)
    director = Director(scenario(people=(person,)))
    assert director.undone == ("type 'abc\\n' after 'Passphrase'",)
    director.advance(INIT + "Passphrase: ", 5)
    assert director.undone == ("type 'bc\\n' after the keys before",)


def test_a_prompt_that_the_kernel_has_cut_in_two_is_heard_once() -> None:
    director = Director(scenario(people=(asked(), asked(text="again\n"))))
    cut = f"{INIT}Pass[    4.123456] usb 1-1: new device\r\nphrase for x: "
    assert director.advance(f"{INIT}Pass[    4.123456] usb 1-1: ", 4) == []
    assert director.advance(cut, 5) == [Type("secret\n")]
    assert director.advance(f"{cut}\n", 6) == []
    assert director.advance(f"{cut}\nPassphrase for x: ", 7) == [Type("again\n")]


def test_a_cue_may_be_what_the_kernel_says_in_the_middle_of_a_line() -> None:
    director = Director(scenario(people=(Person(Cue(when=re.compile("new device")), "hi"),)))
    assert director.advance(f"{INIT}Pass[    4.123456] usb 1-1: new device\r\n", 5) == [Type("hi")]
