"""What commands draw with: rich's classes, or plain ones if rich is not installed."""

import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING or importlib.util.find_spec("rich") is not None:
    from rich.box import SIMPLE, SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
    from rich.tree import Tree
else:
    from initpy.report.plaindrawing import SIMPLE, SIMPLE_HEAD, Console, Table, Text, Tree

__all__ = ["SIMPLE", "SIMPLE_HEAD", "Console", "Table", "Text", "Tree"]
