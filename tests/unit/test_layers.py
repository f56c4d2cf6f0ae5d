"""The end of a run says what each layer of the tests took."""

from pathlib import Path

import pytest
from layers import totals

pytest_plugins = "pytester"
TESTS = Path(__file__).parents[1]


def report(test: str, when: str, seconds: float, **properties: str) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=test,
        location=(test, None, test),
        keywords={},
        outcome="passed",
        longrepr=None,
        when=when,  # type: ignore[arg-type]
        user_properties=list(properties.items()),
        duration=seconds,
    )


def test_setup_test_and_teardown_count_for_the_machine_that_the_test_names() -> None:
    one, two = "tests/boot/test_a.py::test_x[1]", "tests/boot/test_a.py::test_x[2]"
    found = totals(
        [
            report(one, "setup", 1),
            report(one, "call", 2, machine="QEMU"),
            report(one, "teardown", 4, machine="QEMU"),
            report(two, "setup", 8),
            report("tests/unit/test_b.py::test_y", "call", 16),
        ]
    )
    seconds = [(name, total.seconds, len(total.tests)) for name, total in found.items()]
    assert seconds == [("unit tests", 16, 1), ("boots", 8, 1), ("boots in QEMU", 7, 1)]


def test_a_run_on_several_workers_ends_with_the_layers(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    # Importing all plugins takes longer than the run.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name, test in (
        ("unit", "def test_it():\n    raise ValueError\n"),
        ("boot", "def test_it(record_property):\n    record_property('machine', 'UML')\n"),
    ):
        folder = pytester.path / "tests" / name
        folder.mkdir(parents=True)
        (folder / f"test_{name}.py").write_text(test)
    done = pytester.runpytest_subprocess("-p", "layers", "-p", "xdist.plugin", "-n", "2")
    done.stdout.re_match_lines_random(
        [r" +\d\.\d  unit tests \(1\)", r" +\d\.\d  boots in UML \(1\)"]
    )
