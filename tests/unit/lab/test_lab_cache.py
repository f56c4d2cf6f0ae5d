"""The cache of the lab forgets what was not used for longest, and nothing that may be in use."""

import os
import time
from pathlib import Path

from initpy.lab.cache import prune


def test_what_was_used_of_late_stays(tmp_path: Path) -> None:
    day = 24 * 3600
    ages = {"a": 3 * day, "b": 2 * day, "c": 60, "d": 30, "e": 0}
    for name, age in ages.items():
        path = tmp_path / name
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    prune(tmp_path.iterdir(), 4)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b", "c", "d", "e"]
    prune(tmp_path.iterdir(), 1)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["c", "d", "e"]
