"""/etc/initpy/*.toml: typed, in the order of names, errors that name file, line and key (R27)."""

from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.config.image import ImageConfig, load_image_config, parse_image_config, parse_placed
from initpy.image.content.recipe import project_folder


def test_later_files_add_to_lists_and_win_over_single_values(tmp_path: Path) -> None:
    (tmp_path / "20-more.toml").write_text('modules = ["b", "a"]\nlevel = 3\nrecipe = "host"\n')
    (tmp_path / "10-first.toml").write_text(
        'modules = ["a"]\ncompression = "xz"\nrecipe = "generic"\n'
    )
    (tmp_path / "notes.txt").write_text("not read")
    assert load_image_config(tmp_path) == ImageConfig(
        recipe="host", compression="xz", level=3, modules=("a", "b")
    )


def test_job_files_beside_the_configuration_are_taken(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    assert load_image_config(tmp_path).jobs == (tmp_path / "jobs",)


def test_without_a_folder_nothing_is_said(tmp_path: Path) -> None:
    assert load_image_config(tmp_path / "none") == ImageConfig()
    with pytest.raises(InputError, match="--config"):
        load_image_config(tmp_path / "none", required=True)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('moduls = ["a"]', r"a\.toml:2: 'moduls': expected one of the keys .*modules"),
        ('modules = "a"', r"a\.toml:2: modules: 'a': expected a list of texts"),
        ("modules = [1]", r"a\.toml:2: modules: \[1\]: expected a list"),
        ("level = true", r"a\.toml:2: level: True: expected a whole number"),
        ("recipe = 1", r"a\.toml:2: recipe: 1: expected text"),
        ('cmdline = " "', r"a\.toml:2: cmdline"),
        ('files = ["etc/x"]', r"a\.toml:2: files: 'etc/x': expected \"/FILE\""),
        ('files = ["/no/such/file"]', r"a\.toml:2: files: .*an existing file"),
        ('jobs = ["/no/such/folder"]', r"a\.toml:2: jobs: .*exists"),
        ('crypttab = "etc/crypttab"', r"a\.toml:2: crypttab: .*absolute path"),
        ("modules = nope", r"a\.toml: .*line 2.*expected a TOML document"),
    ],
)
def test_errors_name_file_line_key_and_expectation(line: str, error: str) -> None:
    with pytest.raises(InputError, match=error):
        parse_image_config("a.toml", f"# mine\n{line}\n")


def test_a_file_goes_to_its_own_path_or_to_another() -> None:
    assert parse_placed("/etc/key") == (Path("/etc/key"), "/etc/key")
    assert parse_placed("key:/etc/key") == (Path("key"), "/etc/key")
    assert parse_placed("key") is None
    assert parse_placed("key:etc") is None


def test_the_example_is_right_and_names_every_key() -> None:
    path = project_folder("build") / "example.toml"
    text = path.read_text()
    assert parse_image_config(str(path), text) == ImageConfig()
    keys = [line[2:] for line in text.splitlines() if line.startswith("# ") and " = " in line]
    there = "\n".join(keys)
    for path_there in ("/etc/crypttab", "/etc/initpy/stack.json"):
        there = there.replace(path_there, "/etc/passwd")  # which every system has
    shown = parse_image_config(str(path), there)
    unsaid = [name for name in ImageConfig.__dataclass_fields__ if not getattr(shown, name)]
    assert unsaid == []


def test_an_output_is_another_for_each_kernel() -> None:
    assert parse_image_config("x", 'output = "/boot/i-{kernel}"').output == "/boot/i-{kernel}"
    for wrong in ("/boot/initrd.img", "initrd-{kernel}"):
        with pytest.raises(InputError, match=r"x:1: output: .* \{kernel\} in it"):
            parse_image_config("x", f'output = "{wrong}"')
