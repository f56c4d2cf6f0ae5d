"""Where the project's own files are: jobs/, rules/, build/, qemu/ and tests/ beside the package."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
