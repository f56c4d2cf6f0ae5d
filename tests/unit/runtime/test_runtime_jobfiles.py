"""In the image a job file that does not validate is reported and skipped; the boot goes on."""

import json
from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.runtime.jobfiles import load_jobs


def write(folder: Path, file: str, name: str, does: str = "look") -> None:
    """A job file with one job."""
    job = {
        "name": name, "does": does, "match": {"A": "b"}, "run": ["true"],
        "success": {"exit": True},
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    if file.endswith(".json"):
        (folder / file).write_text(json.dumps({"summary": "s", "job": [job]}))
    else:
        lines = "".join(f"{key} = {json.dumps(job[key])}\n" for key in ("name", "does", "run"))
        tables = "[job.match]\nA = 'b'\n[job.success]\nexit = true\n"
        (folder / file).write_text(f"summary = 's'\n[[job]]\n{lines}{tables}")


def load(*folders: Path) -> tuple[dict[str, str], list[str]]:
    """The jobs (name -> what it does), and the complaints."""
    problems: list[InputError] = []
    jobs = load_jobs(problems.append, tuple(map(str, folders)))
    return {each.name: each.does for each in jobs}, [str(each) for each in problems]


def test_what_was_dropped_in_comes_beside_what_is_built_in(tmp_path: Path) -> None:
    write(tmp_path / "usr", "md.json", "md-member")
    write(tmp_path / "etc", "mine.toml", "mine")
    assert load(tmp_path / "usr", tmp_path / "etc") == ({"md-member": "look", "mine": "look"}, [])


def test_no_folder_no_jobs(tmp_path: Path) -> None:
    assert load(tmp_path / "nowhere") == ({}, [])


def test_a_file_of_the_same_name_replaces_the_one_built_in(tmp_path: Path) -> None:
    write(tmp_path / "usr", "md.json", "md-member", "the image's")
    write(tmp_path / "etc", "md.toml", "md-member", "mine")
    assert load(tmp_path / "usr", tmp_path / "etc") == ({"md-member": "mine"}, [])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("md.toml", b"[[job\n"),
        ("md.toml", b"summary = 's'\n[[job]]\nname = 'x'\nrunn = []"),
        ("md.toml", b"\xff"),
        ("md.json", b"{"),
        ("md.json", b"[]"),
        ("md.json", b"[" * 100_000),
    ],
)
def test_a_replacement_that_does_not_validate_is_reported_and_the_one_built_in_stays(
    tmp_path: Path, file: str, content: bytes
) -> None:
    """A typing error in a drop-in must not cost the boot its arrays."""
    write(tmp_path / "usr", "md.json", "md-member")
    write(tmp_path / "etc", "other.toml", "other")
    (tmp_path / "etc" / file).write_bytes(content)
    jobs, problems = load(tmp_path / "usr", tmp_path / "etc")
    assert sorted(jobs) == ["md-member", "other"]
    assert len(problems) == 1
    assert problems[0].startswith(f"{tmp_path}/etc/{file}: ")


def test_a_dropped_in_file_that_takes_the_name_of_a_job_built_in_is_the_wrong_one(
    tmp_path: Path,
) -> None:
    write(tmp_path / "usr", "md.json", "md-member", "the image's")
    write(tmp_path / "etc", "a.toml", "md-member", "mine")
    jobs, problems = load(tmp_path / "usr", tmp_path / "etc")
    assert jobs == {"md-member": "the image's"}
    assert problems == [
        f"{tmp_path}/etc/a.toml: job name: 'md-member': "
        f"expected a name not used in {tmp_path}/usr/md.json"
    ]


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "usr", "md.json", "md-member")
    (tmp_path / "usr" / "gone.toml").symlink_to("nowhere")
    jobs, problems = load(tmp_path / "usr")
    assert list(jobs) == ["md-member"]
    assert problems[0].endswith("'No such file or directory': expected a readable job file")
