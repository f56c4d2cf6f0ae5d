"""What an event costs does not grow with the number of devices (issue 3, scale)."""

from initpy.lab import enginecost


def test_the_cost_of_an_event_is_flat() -> None:
    sizes = (100, 3_000)
    for cost in enginecost.measure(sizes):
        few, many = cost.figures
        # A cost that grew with the devices would be thirty times as high; noise is no factor of 4.
        assert many < 4 * few + 50, cost
    assert "a disk appears" in enginecost.render(enginecost.measure((10, 20)), (10, 20))
