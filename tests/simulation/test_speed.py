"""The measurement of the simulator's speed measures; what it finds is the benchmark's matter."""

from initpy.simulation.explore import speed


def test_the_figures_are_taken_and_shown() -> None:
    found = speed.measure(boots=10, disks=50)
    assert found.boot > 0
    assert found.disks == 50
    shown = speed.render(found)
    assert "50 disks" in shown
    assert "boots a second and processor" in shown
