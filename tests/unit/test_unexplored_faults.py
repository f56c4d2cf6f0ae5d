"""Faults of the runtime that exploring cannot see, planted again: each is found by a test.

Each row names a fault that review has found, how it is planted in a copy of the source, and the
tests that find it: they pass in the copy as it is, and fail once the fault is in it. A test that
does not end fails as well: so a loop shows that reads from a disk that does not answer. What
exploring finds is in `tests/simulation/test_planted_faults.py`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LIMIT = 6.0  # seconds until a test with a fault counts as hung; they take one or two
BLOCKING = "runtime/test_runtime_blocking.py::test_what_may_hang_is_called_by_nothing_but_children"


@dataclass(frozen=True)
class Row:
    """A fault: its number in the review, what it is, where it is planted, the tests that find it.

    `hangs`: in a test that finds it the loop does not go on.
    """

    number: int
    fault: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]
    hangs: bool = False


ROWS = (
    Row(
        3,
        "status reads doubtful devices in the loop",
        "runtime/diagnosis.py",
        "        found = await Look(self._aside, self._boot.explain(time.monotonic()))"
        ".within(SOON)\n",
        "        from initpy.core.failure.damaged_metadata import doubtful\n"
        "        from initpy.runtime.damaged_metadata import look\n"
        "        found = await Look(self._aside, self._boot.explain(time.monotonic())).within(0)\n"
        "        nodes = doubtful(self._boot.explain(time.monotonic()))\n"
        "        found = found._replace(remnants={node: look(node) for node in nodes})\n",
        (
            f"{BLOCKING}[damaged_metadata.look]",
            "runtime/test_runtime_engine.py"
            "::test_a_disk_that_does_not_answer_costs_neither_screen_nor_shell",
        ),
        hangs=True,
    ),
    Row(
        3,
        "the search for devices without a driver runs in the loop",
        "runtime/findings.py",
        "        calls[DRIVERS] = _drivers\n",
        "        drivers = _drivers()\n        calls[DRIVERS] = lambda: drivers\n",
        (f"{BLOCKING}[findings._drivers]",),
    ),
    Row(
        3,
        "a superblock is read when udev tells of its device",
        "runtime/superblocks.py",
        "        self._read(bare, read)\n        return self._noted(not_ready(bare))",
        "        return self._noted(completed(bare, read()))\n"
        "        return self._noted(not_ready(bare))",
        (
            "runtime/test_runtime_superblocks.py"
            "::test_a_disk_that_does_not_answer_keeps_nothing_waiting",
        ),
        hangs=True,
    ),
    Row(
        3,
        "a superblock is read when a device's properties are",
        "runtime/udev.py",
        '    slaves = {_name(each) for each in _names(f"{path}/slaves")}\n',
        '    slaves = {_name(each) for each in _names(f"{path}/slaves")}\n'
        "    from initpy.runtime import oldraid\n"
        '    properties["INITPY_MD_METADATA"] = oldraid.own_metadata(f"/dev/{found.sys_name}")\n',
        (f"{BLOCKING}[oldraid.own_metadata]",),
    ),
    Row(
        14,
        "the last resort loads the parser of the command line",
        "runtime/lastresort.py",
        "from initpy.runtime.children import say\n",
        "from initpy.config.commandline import parse\nfrom initpy.runtime.children import say\n",
        ("runtime/test_runtime_lastresort.py::test_it_needs_nothing_that_the_engine_does",),
    ),
    Row(
        14,
        "the last resort calls the parser of the command line",
        "runtime/lastresort.py",
        "    if not end_as_asked():\n",
        "    from initpy.config.commandline import parse\n"
        "    parse('')\n"
        "    if not end_as_asked():\n",
        (
            "runtime/test_runtime_lastresort.py"
            "::test_there_is_a_shell_though_no_other_module_can_be_imported",
        ),
    ),
    Row(
        15,
        "a failing inotify call keeps devices from being triggered",
        "runtime/pid1.py",
        "            except OSError as error:  # then OTHERS_AFTER decides\n",
        "            except ZeroDivisionError as error:\n",
        ("runtime/test_runtime_pid1.py::test_what_cannot_be_watched_is_announced_after_a_while",),
    ),
    Row(
        15,
        "an error leaves the loop of process 1",
        "runtime/pid1.py",
        "            except Exception as error:  # noqa: BLE001",
        "            except ZeroDivisionError as error:  #",
        ("runtime/test_runtime_pid1.py::test_a_loop_that_raises_goes_on",),
    ),
    Row(
        17,
        "each event looks at the holds of all deadlines",
        "core/state/deadlines.py",
        "        if self._holds != present.holds:\n            found = self._all\n",
        "        if True:\n            found = self._all\n",
        (
            "core/test_cost.py"
            "::test_an_unrelated_event_costs_the_same_beside_however_many_devices"
            "[incomplete-changes]",
        ),
    ),
    Row(
        17,
        "each event looks at all instances",
        "core/subjects.py",
        "        self._told[name] = device\n",
        "        self._told[name] = device\n        context.machine.touch_unsettled()\n",
        (
            "core/test_cost.py"
            "::test_an_unrelated_event_costs_the_same_beside_however_many_devices[locked-comes]",
        ),
    ),
    Row(
        18,
        "a line of progress without an end is kept whole",
        "runtime/progress.py",
        "if len(begun) <= LONGEST_LINE else",
        "if True else",
        ("runtime/test_runtime_processes.py::test_a_check_that_ends_no_line_does_not_fill_memory",),
    ),
    Row(
        19,
        "all users may read the journal",
        "runtime/journal.py",
        "os.open(path, flags, 0o600)",
        "os.open(path, flags, 0o644)",
        ("runtime/test_runtime_journal.py::test_it_is_for_root_alone",),
    ),
    Row(
        19,
        "the journal takes lines as they are",
        "runtime/journal.py",
        "json.dumps(redaction.record(line))",
        "json.dumps(line)",
        ("runtime/test_runtime_secrets.py::test_no_secret_is_in_the_journal",),
    ),
    Row(
        19,
        "the journal takes crypttab whole",
        "config/redaction.py",
        'found["crypttab"] = crypttab(text)',
        'found["crypttab"] = text',
        ("runtime/test_runtime_secrets.py::test_no_secret_is_in_the_journal",),
    ),
    Row(
        19,
        "secrets on the command line are found by a substring",
        "config/redaction.py",
        '        found["cmdline"] = command_line(text)\n',
        '        words = (each for each in text.split() if "password" not in each)\n'
        '        found["cmdline"] = " ".join(words)\n',
        ("runtime/test_runtime_secrets.py::test_no_secret_is_in_the_journal",),
    ),
    Row(
        20,
        "a program that finds no room uses up a try",
        "runtime/processes.py",
        "                if not shortage.passes(error) or key in self._stopped:\n"
        "                    raise\n",
        "                raise\n",
        (
            "runtime/test_runtime_processes.py::test_r5_a_program_is_started_once_there_is_room_for_it",
        ),
    ),
    Row(
        20,
        "what is read from a disk is given up where there is no room for a process",
        "runtime/aside.py",
        "if shortage.passes(error) and pause < left:",
        "if False:",
        ("runtime/test_runtime_aside.py::test_a_call_is_made_once_there_is_room_for_a_process",),
    ),
    Row(
        28,
        "process 1 awaits a disk that does not answer before it ends the machine",
        "runtime/power.py",
        "    if not _has_ended(child, SYNC_SECONDS):\n",
        "    os.sync()\n    if not _has_ended(child, SYNC_SECONDS):\n",
        (
            "runtime/test_runtime_power.py"
            "::test_a_disk_that_does_not_answer_keeps_no_machine_from_its_end",
        ),
        hangs=True,
    ),
)


class Copy:
    """A copy of the source in which faults can be planted, beside the tests as they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.copytree(PROJECT / "initpy", folder / "initpy")
        for name in ("tests", "jobs", "pyproject.toml"):
            (folder / name).symlink_to(PROJECT / name)

    @contextmanager
    def planted(self, row: Row) -> Iterator[None]:
        """A copy with this fault."""
        file = self._folder / "initpy" / row.file
        text = file.read_text(encoding="utf-8")
        assert text.count(row.right) == 1, f"{row.file} has changed: plant the fault anew"
        file.write_text(text.replace(row.right, row.wrong), encoding="utf-8")
        try:
            yield
        finally:
            file.write_text(text, encoding="utf-8")

    def fails(self, *tests: str, limit: float | None = None) -> str:
        """Run these tests with the copy; how they have failed, "" if they pass."""
        words = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--durations=0")
        kept = {key: each for key, each in os.environ.items() if not key.startswith("PYTEST_")}
        # Bytecode is valid for a second and a size, and a fault may take neither.
        environment = {**kept, "PYTHONPATH": str(self._folder), "PYTHONDONTWRITEBYTECODE": "1"}
        child = subprocess.Popen(
            (*words, *(f"tests/unit/{each}" for each in tests)),
            cwd=self._folder, env=environment, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            said, _ = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            child.communicate()
            return "no end"
        assert child.returncode in (0, 1), said  # else they have not run
        return said if child.returncode else ""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("copy"))


def test_without_a_fault_the_tests_pass(copy: Copy) -> None:
    assert copy.fails(*dict.fromkeys(test for row in ROWS for test in row.tests)) == ""


@pytest.mark.parametrize(
    ("row", "test"),
    [
        pytest.param(row, test, id=f"{row.number}-{row.fault.replace(' ', '-')}-{number}")
        for row in ROWS
        for number, test in enumerate(row.tests, 1)
    ],
)
def test_a_planted_fault_is_found(copy: Copy, row: Row, test: str) -> None:
    with copy.planted(row):
        assert copy.fails(test, limit=LIMIT if row.hangs else None) != ""
