"""Attributes of devices are written in a child, and the kernel's word on them is passed on (R9)."""

import asyncio
import errno
from pathlib import Path

import pytest

from initpy.core.actions import Write
from initpy.runtime import writing
from initpy.runtime.aside import Aside
from initpy.runtime.writing import Writer


def write(folder: Path, *attributes: tuple[str, str]) -> tuple[int, str]:
    """What comes of it."""

    async def run() -> tuple[int, str]:
        action = Write("md-look@md127", 1, "md127", attributes)
        return await Writer(Aside()).write(action)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "FOLDER", str(folder))
        return asyncio.run(run())


def test_what_is_written_is_what_the_job_says(tmp_path: Path) -> None:
    (tmp_path / "md127/md").mkdir(parents=True)
    state = tmp_path / "md127/md/array_state"
    state.write_text("")
    assert write(tmp_path, ("md/array_state", "readonly")) == (0, "")
    assert state.read_text() == "readonly"


def test_no_file_is_made_and_the_error_is_told(tmp_path: Path) -> None:
    status, error = write(tmp_path, ("md/array_state", "readonly"))
    assert status == errno.ENOENT
    assert "md127/md/array_state: No such file" in error
    assert list(tmp_path.iterdir()) == []
