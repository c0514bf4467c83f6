"""Both distributions as an index would get them: wheels and sdists, their metadata, and the runtime installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from conftest import ROOT

SAMPLES = sorted((ROOT / "samples").glob("mnist_*.png"))
PACKAGES = {
    "numbre": ("train/numbre_train", "export/numbre_export", "teach/numbre_teach"),
    "numbre_runtime": ("runtime/numbre_runtime",),
}
"""Distribution to the folders of its packages."""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The four files, by names such as "numbre.whl"; each wheel is built from its sdist, as `build` does by default."""
    folder = tmp_path_factory.mktemp("built")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "tree" / name)
    files = {}
    for source in ("tree", "tree/runtime"):
        command = [sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(folder / source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for path in (folder / "dist").iterdir():
        name = path.name.split("-")[0]
        files[f"{name}.whl" if path.suffix == ".whl" else f"{name}.tar.gz"] = path
    assert set(files) == {"numbre.whl", "numbre.tar.gz", "numbre_runtime.whl", "numbre_runtime.tar.gz"}
    return files


def test_an_index_would_take_the_files(built: dict[str, Path]) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 4


@pytest.mark.parametrize("name", PACKAGES)
def test_a_wheel_holds_its_packages_and_nothing_else(name: str, built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built[f"{name}.whl"]) as archive:
        inside = {path for path in archive.namelist() if ".dist-info/" not in path}
        (entry,) = (path for path in archive.namelist() if path.endswith(".dist-info/METADATA"))
        metadata = message_from_string(archive.read(entry).decode())
    expected = set()
    for package in PACKAGES[name]:
        top = ROOT / package
        files = (path for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        expected |= {path.relative_to(top.parent).as_posix() for path in files}
    assert inside == expected
    assert {f"{Path(package).name}/py.typed" for package in PACKAGES[name]} <= inside
    assert len(metadata["Keywords"].split(",")) >= 5
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert metadata["License-Expression"] == "MIT"


def _pythons() -> list[str]:
    """The oldest and the newest supported Python that this machine has, with venv."""
    found = []
    for version in ("3.11", "3.12", "3.13", "3.14"):
        paths = [
            shutil.which(f"python{version}"),
            *Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"),
        ]
        for path in paths:
            code = "import sys, venv, ensurepip; print(*sys.version_info[:2], sep='.')"
            done = path and subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
            if done and done.stdout.strip() == version:
                found.append(str(path))
                break
    return [found[0], found[-1]]


@pytest.mark.parametrize(("python", "kind"), zip(_pythons(), ("whl", "tar.gz"), strict=True))
def test_the_runtime_installs_in_an_empty_environment(
    python: str, kind: str, built: dict[str, Path], tmp_path: Path
) -> None:
    programs = tmp_path / "venv" / "bin"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True, capture_output=True)
    install = [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    install += ["--constraint", str(ROOT / "constraints.txt"), f"{built[f'numbre_runtime.{kind}']}"]
    done = subprocess.run(install, capture_output=True, text=True, env=clean, check=False)
    assert done.returncode == 0, done.stderr
    command = [str(programs / "numbre"), "predict", "--quiet", "--json", *map(str, SAMPLES)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=clean, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == [path.stem[-1] for path in SAMPLES]
    done = subprocess.run([str(programs / "numbre"), "train"], capture_output=True, text=True, env=clean, check=False)
    assert done.returncode == 2
    assert "train is not installed here; run: pip install numbre" in done.stderr


def test_the_toolkits_wheel_adds_its_commands(built: dict[str, Path], tmp_path: Path) -> None:
    """Without its dependencies, which take two gigabytes; that its modules work is what all other tests show."""
    programs = tmp_path / "venv" / "bin"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, capture_output=True)
    install = [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    for name in ("numbre.whl", "numbre_runtime.whl"):
        subprocess.run([*install, str(built[name])], capture_output=True, env=clean, check=True)
    done = subprocess.run([str(programs / "numbre"), "--help"], capture_output=True, text=True, env=clean, check=True)
    assert "pip install" not in done.stdout
    assert {"numbre-train", "numbre-export", "numbre-check"} <= {path.name for path in programs.iterdir()}
