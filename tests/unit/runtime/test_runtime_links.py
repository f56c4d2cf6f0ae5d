"""A link is told of once udev has finished with it, and given it its name."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from initpy.runtime.net import links
from initpy.runtime.net.links import LinkMonitor


def test_a_link_that_udev_is_about_to_rename_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(links, "FOLDER", str(tmp_path))
    found = [
        SimpleNamespace(sys_name="ens3", properties={"ID_PATH": "pci-0000:00:03.0"}),
        SimpleNamespace(sys_name="eth1", properties={"ID_RENAMING": "1"}),
    ]
    listed = SimpleNamespace(match_is_initialized=lambda: found)
    monitor = object.__new__(LinkMonitor)
    monitor._context = SimpleNamespace(list_devices=lambda subsystem: listed)
    assert [each.name for each in monitor.present()] == ["net/ens3"]
    found[1] = SimpleNamespace(sys_name="ens4", properties={})
    assert [each.name for each in monitor.present()] == ["net/ens3", "net/ens4"]
