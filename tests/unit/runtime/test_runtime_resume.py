"""What the firmware says of a hibernated system, and how the kernel is asked to resume it."""

import asyncio
from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.core import actions
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import Resume, Settings
from initpy.runtime import firmware, resume, start
from initpy.runtime.aside import Aside


def test_the_variable_names_a_uuid_and_an_offset() -> None:
    text = '{"uuid":"ab-cd","offset":34816,"kernelVersion":"6.12.1","osReleaseId":"debian"}'
    source = DeviceSpec(Naming.UUID, "ab-cd")
    assert resume.location(text) == Resume(source, 34816, "HibernateLocation")
    assert resume.location('{"uuid":"ab-cd"}').offset == 0


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '"x"', "{}", '{"uuid":7}', '{"uuid":""}', '{"uuid":"a","offset":-1}',
     '{"uuid":"a","offset":"1"}', '{"uuid":"a","offset":true}', "[" * 100_000],
)  # fmt: skip
def test_what_cannot_be_understood_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match="the firmware's variable HibernateLocation"):
        resume.location(text)


def test_a_user_who_forbids_it_is_not_overruled() -> None:
    settings = Settings(may_resume=False, may_count=False)

    async def run() -> object:
        return await start.variables(settings, Aside())

    assert asyncio.run(run()) == {}


@pytest.mark.parametrize(("default", "told"), [(True, "HibernateLocation"), (False, "resume=")])
def test_the_variable_knows_better_than_the_image_but_not_than_the_user(
    default: bool, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firmware, "read_variable", lambda _: '{"uuid":"ab-cd","offset":0}')
    named = Resume(DeviceSpec(Naming.UUID, "swap"), default=default)
    settings = Settings(resume=named, may_count=False)
    problems: list[InputError] = []

    async def run() -> Settings:
        found = await start.variables(settings, Aside())
        return start.with_variables(settings, found, problems.append)

    found = asyncio.run(run()).resume
    assert found is not None
    assert found.by == told
    assert problems == []


def asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setattr(resume, "POWER", str(folder))

    async def run() -> tuple[int, str]:
        return await resume.attempt(Aside(), actions.Resume("resume@vda2", 1, "254:2", 16))

    return asyncio.run(run())


def test_the_offset_comes_before_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("resume", "resume_offset"):
        (tmp_path / name).touch()
    assert asked(tmp_path, monkeypatch) == (0, "")
    assert (tmp_path / "resume").read_text() == "254:2"
    assert (tmp_path / "resume_offset").read_text() == "16"


def test_a_kernel_without_hibernation_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, error = asked(tmp_path / "none", monkeypatch)
    assert status
    assert error == "this kernel cannot resume (CONFIG_HIBERNATION)"


def test_a_variable_that_is_not_there_is_removed_already(tmp_path: Path) -> None:
    firmware.remove_variable("HibernateLocation-x", str(tmp_path))


def test_the_firmware_s_variables_complete_the_settings() -> None:
    problems: list[InputError] = []
    told = {firmware.HIBERNATED: '{"uuid":"ab"}', firmware.COUNTED: "\\EFI\\Linux\\i+2-1.efi"}
    settings = start.with_variables(Settings(), told, problems.append)
    assert settings.resume is not None and settings.counting is not None
    assert (settings.counting.left, settings.counting.done) == (2, 1)
    assert problems == []


def test_a_boot_is_counted_though_its_variable_cannot_be_understood() -> None:
    problems: list[InputError] = []
    settings = start.with_variables(Settings(), {firmware.COUNTED: "x"}, problems.append)
    assert settings.counting is not None and settings.counting.left is None
    assert len(problems) == 1
