"""A small file system."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted_tmpfs(folder: Path, size: int) -> Iterator[None]:
    """Mount a small tmpfs and yield its folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system to fill")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "x", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
