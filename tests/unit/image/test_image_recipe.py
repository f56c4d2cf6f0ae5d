"""An invalid recipe gives an error with the place, the value and what was expected."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from initpy.cli import content
from initpy.config.errors import InputError
from initpy.config.image import ImageConfig
from initpy.image.build.request import BuildRequest, can_take, with_recipe
from initpy.image.content.needs import load_jobs, without_network
from initpy.image.content.recipe import find_recipe, load_recipe, project_folder

GOOD = """\
title = "mine"
compression = "xz"
level = 3
[[drivers]]
why = "disks"
take = ["drivers/ata/"]
leave = ["pata_pcmcia"]
"""


def recipe(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def test_a_recipe_is_read(tmp_path: Path) -> None:
    found = load_recipe(recipe(tmp_path, GOOD))
    assert (found.title, found.compression, found.level) == ("mine", "xz", 3)
    assert found.drivers[0].take == ("drivers/ata/",)
    assert found.drivers[0].leave == ("pata_pcmcia",)
    assert found.programs == ()


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('title = "mine"', "", "title"),
        ('title = "mine"', "title = 3", "title"),
        ('compression = "xz"', 'compression = "rar"', "rar"),
        ("level = 3", 'level = 3\nfaster = "rar"', "rar"),
        ("level = 3", "level = 30", "level"),
        ("level = 3", 'level = "high"', "level"),
        ("[[drivers]]", "[drivers]", "drivers"),
        ('why = "disks"', "", "why"),
        ("take =", "takes =", "takes"),
        ('take = ["drivers/ata/"]', 'take = "drivers/ata/"', "take"),
        ('take = ["drivers/ata/"]', "take = [3]", "take"),
        ('title = "mine"', "title = ", "mine.toml"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, before: str, after: str, named: str) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe(recipe(tmp_path, GOOD.replace(before, after, 1)))
    assert named in str(caught.value)
    assert "mine.toml" in str(caught.value) or named == "rar" or named == "level"


def test_an_absent_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        load_recipe(tmp_path / "nowhere.toml")


def test_every_group_of_the_generic_recipe_has_a_reason() -> None:
    generic = load_recipe(project_folder("build") / "generic.toml")
    for group in (*generic.drivers, *generic.programs):
        assert group.why and group.take
    taken = [name for group in generic.drivers for name in group.take]
    assert len(taken) == len(set(taken))


def test_a_recipe_without_a_network_leaves_its_drivers_and_job_files_out(tmp_path: Path) -> None:
    text = find_recipe("generic").read_text()
    assert "network = true" in text
    path = tmp_path / "own.toml"
    path.write_text(f"network = false\n{text}")
    request = BuildRequest("6.1.0", tmp_path, tmp_path / "image", ())
    usual, own = (
        with_recipe(request, load_recipe(each)) for each in (find_recipe("generic"), path)
    )
    assert "drivers/net/" in usual.recipe_network
    # Folders of the hypervisor need no network, and so no driver that waits for one.
    assert "net/9p/" in usual.recipe_drivers
    assert "net/9p/" not in usual.recipe_network
    assert "drivers/net/" not in own.recipe_drivers
    assert own.recipe_network == ()
    jobs = load_jobs([project_folder("jobs")])
    left_out = {Path(each.source).name for each in jobs} - {
        Path(each.source).name for each in without_network(jobs)
    }
    assert left_out == {"network-links.toml", "iscsi.toml", "nbd.toml", "nvme.toml"}


@pytest.mark.parametrize(
    ("possible", "said", "taken"),
    [
        (True, {}, ("lz4", None)),
        (False, {}, ("zstd", 3)),
        (True, {"level": 9}, ("zstd", 9)),
        (True, {"compression": "gzip"}, ("gzip", None)),
    ],
)
def test_a_faster_method_is_taken_where_it_can_be_and_the_user_says_nothing(
    monkeypatch: pytest.MonkeyPatch, possible: bool, said: dict[str, Any], taken: tuple[str, int]
) -> None:
    monkeypatch.setattr(content, "can_take", lambda request, method: possible)
    request = BuildRequest("6.1", Path("/x"), Path("/y"), (), compression="zstd", level=3)
    arguments = Namespace(**{"compression": None, "level": None, **said})
    found = content._compression(request, "lz4", ImageConfig(), arguments)
    assert (found["compression"], found["level"]) == taken


def test_a_kernel_of_unknown_configuration_may_not_unpack_it(tmp_path: Path) -> None:
    assert not can_take(BuildRequest("6.1", tmp_path, Path("/y"), ()), "lz4")
