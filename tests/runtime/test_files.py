"""Writing is all or nothing, also where a link or an interruption is in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from numbre_runtime import directories
from numbre_runtime.directories import replacing_directory
from numbre_runtime.errors import OutputError
from numbre_runtime.files import write_atomic


def _entries(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_a_directory_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "bundle"
    for text in ("one", "two"):
        with replacing_directory(target) as staging:
            (staging / text).write_text(text)
    assert _entries(target) == ["two"]
    assert _entries(target.parent) == ["bundle"]


def test_an_error_keeps_the_earlier_directory(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "earlier").touch()
    with pytest.raises(KeyboardInterrupt), replacing_directory(tmp_path / "bundle") as staging:
        (staging / "half").touch()
        raise KeyboardInterrupt
    assert _entries(tmp_path) == ["bundle"]
    assert _entries(tmp_path / "bundle") == ["earlier"]


def test_ctrl_c_between_the_renames_puts_the_earlier_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "earlier").touch()
    monkeypatch.setattr(directories, "_exchange", lambda *_: False)
    rename, calls = Path.rename, []

    def interrupted(self: Path, other: Path) -> Path:
        calls.append(other)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), replacing_directory(target) as staging:
        (staging / "new").touch()
    assert len(calls) == 3
    assert _entries(tmp_path) == ["bundle"]
    assert _entries(target) == ["earlier"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with replacing_directory(tmp_path / "link") as staging:
        (staging / "new").touch()
    assert (tmp_path / "link").is_symlink()
    assert _entries(tmp_path / "real") == ["new"]
    assert _entries(tmp_path) == ["link", "real"]


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bundle").touch()
    with pytest.raises(OutputError, match="is a file"), replacing_directory(tmp_path / "bundle"):
        pass


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / "taken", b"content")
    assert _entries(tmp_path) == ["taken"]
