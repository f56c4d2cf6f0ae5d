"""What the boot loader says of the tries that its entry has left."""

import pytest

from initpy.config.counting import counted
from initpy.config.errors import InputError
from initpy.config.settings import read_settings
from initpy.core.settings import BreakPoint, Counting, Emergency


@pytest.mark.parametrize(
    ("path", "left", "done"),
    [("\\EFI\\Linux\\initpy+2-1.efi", 2, 1), ("\\loader\\entries\\a+b+0-3.conf", 0, 3),
     ("/loader/entries/x+3.conf", 3, None), ("\\EFI\\Linux\\x-6.1.0-56+1-2.efi", 1, 2)],
)  # fmt: skip
def test_the_name_of_the_entry_tells_the_tries(path: str, left: int, done: int | None) -> None:
    assert counted(path) == Counting(left, done, f"LoaderBootCountPath, {path}")


@pytest.mark.parametrize(
    "path", ["", "\\EFI\\Linux\\initpy.efi", "x+.conf", "x+2-.conf", "+2-1/x.efi"]
)
def test_a_name_without_counters_is_one_clear_error(path: str) -> None:
    with pytest.raises(InputError, match="the firmware's variable LoaderBootCountPath"):
        counted(path)


@pytest.mark.parametrize(
    ("word", "counting", "may_count"),
    [("", None, True), ("initpy.tries=2", Counting(2, by="initpy.tries=2"), False),
     ("initpy.tries=", None, True), ("initpy.tries=-1", None, False),
     ("initpy.tries=no", None, False), ("initpy.tries=3 initpy.tries=0",
     Counting(0, by="initpy.tries=0"), False)],
)  # fmt: skip
def test_the_command_line_goes_before_the_firmware(
    word: str, counting: Counting | None, may_count: bool
) -> None:
    settings, problems = read_settings(f"root=LABEL=r {word}")
    assert problems == ()
    assert (settings.counting, settings.may_count) == (counting, may_count)


def test_a_word_that_is_no_number_is_reported() -> None:
    settings, (problem,) = read_settings("root=LABEL=r initpy.tries=many")
    assert "initpy.tries" in str(problem)
    assert settings.counting is None


def test_an_entry_for_repairs_ends_in_a_shell_whatever_else_is_said() -> None:
    words = "panic=5 rd.emergency=halt rd.shell=0 initpy.tries=2 fsck.mode=force"
    settings, problems = read_settings(f"root=LABEL=r initpy.recovery {words}")
    assert problems == ()
    assert settings.breaks == {BreakPoint.MOUNT}
    assert (settings.shell, settings.emergency) == (True, Emergency.WAIT)
    assert (settings.counting, settings.may_count, settings.check) == (None, False, None)
    plain, _ = read_settings(f"root=LABEL=r initpy.recovery=0 {words}")
    assert (plain.shell, plain.emergency, plain.breaks) == (False, Emergency.HALT, frozenset())
