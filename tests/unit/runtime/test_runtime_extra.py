"""What systemd-stub leaves below /.extra is passed on to the real system."""

from pathlib import Path

from initpy.runtime.extra import LARGEST, pass_on


def put(path: Path, data: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_credentials_stay_encrypted_and_keep_their_names(tmp_path: Path) -> None:
    extra, run = tmp_path / "extra", tmp_path / "run"
    put(extra / "credentials/root.password.cred", b"one")
    put(extra / "global_credentials/root.password.cred", b"other")
    put(extra / "global_credentials/network.cred", b"two")
    put(extra / "credentials/readme.txt")
    put(extra / "credentials/.cred")
    (extra / "credentials/link.cred").symlink_to("/etc/passwd")
    for _ in range(2):  # an engine that is started again does it again
        assert list(pass_on(str(extra), str(run))) == []
    folder = run / "credentials/@encrypted"
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == {
        "root.password": b"one",
        "network": b"two",
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "network").stat().st_mode & 0o777 == 0o400


def test_signatures_are_where_systemd_looks_for_them(tmp_path: Path) -> None:
    extra, run = tmp_path / "extra", tmp_path / "run"
    put(extra / "tpm2-pcr-signature.json", b"{}")
    assert list(pass_on(str(extra), str(run))) == []
    assert (run / "systemd/tpm2-pcr-signature.json").read_bytes() == b"{}"


def test_what_is_not_used_is_told(tmp_path: Path) -> None:
    extra, run = tmp_path / "extra", tmp_path / "run"
    put(extra / "sysext/debug.raw")
    put(extra / "credentials/huge.cred", bytes(LARGEST + 1))
    lines = list(pass_on(str(extra), str(run)))
    assert lines[0].endswith(f"huge.cred is not passed on: it is larger than {LARGEST} bytes")
    assert lines[1] == "extensions of the initramfs are not supported and not used: debug.raw"
    assert not (run / "credentials/@encrypted/huge").exists()
