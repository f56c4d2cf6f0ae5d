"""The cost of an event does not depend on the number of devices that it does not concern."""

from initpy.lab import enginecost


def test_the_cost_of_an_event_is_flat() -> None:
    sizes = (100, 3_000)
    for cost in enginecost.measure(sizes):
        few, many = cost.figures
        # A cost that grew with the devices would be 30 times as high; noise stays below 4 times.
        concerned = sizes[1] // sizes[0] if cost.kind == enginecost.ALL_STOP else 1
        assert many < 4 * concerned * few + 50, cost
    assert "a disk appears" in enginecost.render(enginecost.measure((10, 20)), (10, 20))
