"""An output never destroys what is not its own."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from conftest import NUMBRE_BUNDLE, ROOT, Run
from numbre_runtime.errors import DataError, OutputError
from numbre_runtime.files import check_output, read_limited, write_atomic

PICTURE = ROOT / "samples" / "mnist_7.png"


def test_a_device_is_written_to_and_stays() -> None:
    write_atomic(Path(os.devnull), b"content")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="a pipe that nobody reads"):
        write_atomic(tmp_path / "pipe", b"content")
    with pytest.raises(DataError, match="not a regular file"):
        read_limited(tmp_path / "pipe", 10, DataError)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_pipe_with_a_reader_gets_all(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomic(tmp_path / "pipe", b"content")
    assert os.read(reader, 100) == b"content"
    os.close(reader)


@pytest.mark.parametrize("target", ["there", "missing"])
def test_a_link_is_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(target)
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / target).read_bytes() == b"new"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o400])
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(mode)
    write_atomic(tmp_path / "file", b"new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.mark.parametrize(("earlier", "mode"), [(False, 0o666), (True, 0o600)])
def test_nobody_else_reads_a_private_files_new_content_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: bool, mode: int
) -> None:
    if earlier:
        (tmp_path / "file").write_bytes(b"old")
    opened, modes = os.open, []

    def watched(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            modes.append(mode)
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", watched)
    write_atomic(tmp_path / "file", b"new")
    assert modes == [mode]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "file", b"new")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("name", ["a" * 250 + ".json", "ü" * 120, os.fsdecode(b"\xff\xfe.png")])
def test_any_name_that_the_system_takes_is_written(tmp_path: Path, name: str) -> None:
    write_atomic(tmp_path / name, b"new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("input.png", "is what this command reads"),
        ("same.png", "is what this command reads"),
        ("link.png", "is what this command reads"),
        ("folder/inside.png", "is what this command reads"),
        ("bundle/result.json", "is a bundle"),
        ("notes.png", "a file that is no PNG"),
        ("folder", "is a directory"),
    ],
)
def test_what_must_not_be_written_is_refused_beforehand(tmp_path: Path, name: str, reason: str) -> None:
    shutil.copy(PICTURE, tmp_path / "input.png")
    (tmp_path / "same.png").hardlink_to(tmp_path / "input.png")
    (tmp_path / "link.png").symlink_to("input.png")
    (tmp_path / "notes.png").write_text("of another program")
    (tmp_path / "folder").mkdir()
    shutil.copytree(NUMBRE_BUNDLE, tmp_path / "bundle")
    with pytest.raises(OutputError, match=reason):
        check_output(tmp_path / name, [tmp_path / "input.png", tmp_path / "folder"])


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG old"])
def test_a_file_of_the_same_kind_may_be_replaced(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "out.png").write_bytes(content)
    check_output(tmp_path / "out.png", [PICTURE])


def test_an_overlay_is_never_written_over_its_photo(run_command: Run, tmp_path: Path) -> None:
    photo = Path(shutil.copy(ROOT / "samples" / "paper_3.png", tmp_path / "photo.png"))
    before = photo.read_bytes()
    done = run_command("numbre-read", photo, "--overlay", photo)
    assert done.returncode == 2
    assert "is what this command reads" in done.stderr
    assert photo.read_bytes() == before
