"""Write images, or read them, as builds do after they have collected the content."""

from pathlib import Path

from initpy.image.build.output import image_mode, write_content
from initpy.image.build.place import claim
from initpy.image.formats.archive import Archive
from initpy.image.formats.compress import Packing
from initpy.image.tree import Tree


def write_image(
    tree: Tree, output: Path, method: str, level: int | None, mtime: int, early: bytes = b""
) -> int:
    """Write the tree to `output` and return the size."""
    with claim(output) as place:
        write_content(place, tree, Packing(method, level), mtime, early)
        place.put_in_place(image_mode(tree))
    return output.stat().st_size


def archive_of(tree: Tree, path: Path) -> Archive:
    """Return the archive of a collected image without writing it."""
    return Archive(path, 0, entries=dict(tree.items()))
