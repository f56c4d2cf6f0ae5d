"""The cost of an event does not depend on the number of devices."""

from initpy.lab import enginecost


def test_the_cost_of_an_event_is_flat() -> None:
    sizes = (100, 3_000)
    for cost in enginecost.measure(sizes):
        few, many = cost.figures
        # A cost that grew with the devices would be 30 times as high; noise stays below 4 times.
        assert many < 4 * few + 50, cost
    assert "a disk appears" in enginecost.render(enginecost.measure((10, 20)), (10, 20))
