"""What the commands read: folders, standard input, data URIs, HEIC, AVIF, and files that are no single picture."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

import numbre_runtime as numbre
from conftest import ROOT, Run

SAMPLE = ROOT / "samples" / "paper_3.png"
BIN = Path(sys.executable).parent


def _piped(command: str, content: bytes, *words: object) -> subprocess.CompletedProcess[bytes]:
    """A command with this content on its standard input."""
    line = [str(BIN / command), *map(str, words)]
    return subprocess.run(line, input=content, capture_output=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures at two depths, and with files that are none."""
    path = tmp_path_factory.mktemp("scans")
    (path / "late" / "er").mkdir(parents=True)
    (path / ".hidden").mkdir()
    shutil.copy(SAMPLE, path / "b.PNG")
    shutil.copy(ROOT / "samples" / "chalk_4.png", path / "a.png")
    Image.open(SAMPLE).convert("RGB").save(path / "late" / "er" / "c.jpg")
    shutil.copy(SAMPLE, path / ".hidden" / "d.png")
    shutil.copy(SAMPLE, path / "._a.png")
    (path / "notes.txt").write_text("no picture")
    return path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), {"a.png": "4", "b.PNG": "3", "late/er/c.jpg": "3"}),
        (("--glob", "*.jpg"), {"late/er/c.jpg": "3"}),
        (("--glob", "late/*"), {"late/er/c.jpg": "3"}),
        (("--glob", "a.*"), {"a.png": "4"}),
    ],
)
def test_a_folder_stands_for_its_pictures(
    words: tuple[str, ...], expected: dict[str, str], folder: Path, run_command: Run
) -> None:
    done = run_command("numbre-predict", "--json", folder, *words)
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(item["image"], item["label"]) for item in answers] == [
        (str(folder / name), label) for name, label in expected.items()
    ]


def test_a_folder_without_pictures_is_said_and_the_others_are_read(folder: Path, run_command: Run) -> None:
    done = run_command("numbre-predict", folder / "late", "--glob", "*.bmp", SAMPLE)
    assert done.returncode == 2
    assert done.stderr == f"numbre-predict: {folder / 'late'}: a folder without files like *.bmp\n"
    assert done.stdout.startswith(f"{SAMPLE}: 3 (")


@pytest.mark.parametrize("command", ["numbre-predict", "numbre-read"])
def test_a_picture_on_standard_input(command: str) -> None:
    done = _piped(command, SAMPLE.read_bytes(), "-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"-: 3")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "-: standard input is empty"), (b"no picture", "-: no picture in a known format")],
)
def test_standard_input_without_a_picture_is_said(content: bytes, reason: str) -> None:
    done = _piped("numbre-predict", content, "-")
    assert (done.returncode, done.stdout) == (2, b"")
    assert reason in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def _small() -> bytes:
    """The sample as a small JPEG, because a command line has a limit."""
    from io import BytesIO

    stream = BytesIO()
    Image.open(SAMPLE).convert("L").resize((96, 96)).save(stream, "JPEG")
    return stream.getvalue()


def test_a_data_uri_is_a_picture(run_command: Run) -> None:
    encoded = base64.b64encode(_small()).decode()
    for uri in (
        f"data:image/jpeg;base64,{encoded}",
        f"DATA:;base64,{quote(encoded)}",
        f"data:image/jpeg,{quote(_small())}",
    ):
        done = run_command("numbre-predict", "--json", uri)
        assert (done.returncode, done.stderr) == (0, "")
        answer = json.loads(done.stdout)
        assert answer["label"] == "3"
        assert answer["image"] == f"{uri[:40]}…"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("data:image/png;base64", "a data URI without a comma"),
        ("data:image/png;base64,$$$$", "its base64 is damaged"),
        ("data:image/png;base64,", "a data URI without content"),
        ("data:,seven", "no picture in a known format"),
    ],
)
def test_a_damaged_data_uri_ends_in_one_line(uri: str, reason: str, run_command: Run) -> None:
    done = run_command("numbre-predict", uri)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("ending", ["heic", "avif"])
def test_a_phones_formats_are_read(ending: str, tmp_path: Path) -> None:
    """Encoded by libheif and libavif, in colour; the second one on its side, with EXIF's orientation."""
    path = tmp_path / f"digit.{ending}"
    photo = Image.open(SAMPLE).convert("RGB")
    if ending == "avif":
        exif = Image.Exif()
        exif[0x0112] = 6
        photo.rotate(90, expand=True).save(path, quality=90, exif=exif)
    else:
        photo.save(path, quality=90)
    expected = numbre.load().predict(SAMPLE)
    code = "import sys, numbre_runtime; print(*numbre_runtime.load().predict(sys.argv[1]).found.box, end='')"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=300, check=True)
    for source in (path, path.read_bytes()):
        assert numbre.load().predict(source).label == expected.label == "3"
    assert expected.found is not None
    assert [int(word) for word in done.stdout.split()] == pytest.approx(expected.found.box, abs=4)


def test_heic_without_its_extra_names_the_pip_line(tmp_path: Path) -> None:
    path = tmp_path / "digit.heic"
    path.write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200))
    code = (
        "import sys; sys.modules['pillow_heif'] = None; from numbre_runtime.cli.predict import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, SAMPLE], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 2
    assert done.stderr.endswith("run: pip install 'numbre-runtime[heif]'\n")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout.startswith(f"{SAMPLE}: 3 (")


def _pages(path: Path, count: int, resolution: float = 100) -> Path:
    pages = [Image.open(SAMPLE).convert("L").resize((96, 96))] * count
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=resolution)
    return path


@pytest.fixture(scope="module", autouse=True)
def _heif() -> None:
    """The tests write HEIC files."""
    from pillow_heif import register_heif_opener

    register_heif_opener()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("pages.tif", "a TIFF file of several pages; save each page as a picture, with tiffsplit FILE"),
        ("pages.pdf", "a PDF document, not a picture; save its pages as pictures, with pdftoppm -r 200 -png FILE page"),
        ("drawing.svg", "an SVG drawing, not a picture; save it as PNG"),
        ("clip.mp4", "a video or another media file; read a video with numbre-read --video FILE"),
        ("office.png", "a ZIP archive or an office document, not a picture"),
        ("header.heic", "its header is damaged"),
        ("header.avif", "its header is damaged"),
        ("half.heic", "damaged"),
        ("half.avif", "damaged"),
    ],
)
def test_other_kinds_of_files_are_named(name: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "pages.tif":
        _pages(path, 3)
    elif name == "pages.pdf":
        _pages(path, 2)
    elif name == "drawing.svg":
        path.write_text('\ufeff  <svg xmlns="http://www.w3.org/2000/svg"/>')
    elif name == "office.png":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("word/document.xml", "7")
    elif name == "clip.mp4":
        path.write_bytes(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(100))
    elif path.stem == "half":
        Image.effect_noise((300, 300), 80).convert("RGB").save(path, path.suffix[1:].replace("heic", "heif"))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        brand = path.suffix[1:].encode()
        path.write_bytes(b"\x00\x00\x00\x18ftyp" + brand + b"\x00\x00\x00\x00mif1" + brand + bytes(100))
    with pytest.raises(numbre.ImageError, match=reason):
        numbre.load().predict(path)


def test_a_tiff_file_of_one_page_is_read_also_with_a_small_copy_in_it(tmp_path: Path) -> None:
    classifier = numbre.load()
    assert classifier.predict(_pages(tmp_path / "one.tif", 1)).label == "3"
    picture = Image.open(SAMPLE).convert("L")
    small = picture.resize((24, 24))
    # NewSubfileType 1: a version of another image at a lower resolution.
    small.encoderinfo = {"tiffinfo": {254: 1}}
    picture.save(tmp_path / "two.tif", save_all=True, append_images=[small])
    assert getattr(Image.open(tmp_path / "two.tif"), "n_frames", 1) == 2
    assert classifier.predict(tmp_path / "two.tif").label == "3"


@pytest.mark.parametrize("ending", ["heic", "avif"])
def test_files_of_some_megabytes_are_read(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"noise.{ending}"
    noise = Image.effect_noise((1200, 1000), 100).convert("RGB")
    noise.save(path, quality=95)
    assert path.stat().st_size > 1_000_000
    for source in (path, path.read_bytes()):
        assert numbre.load().predict(source).scores.shape == (11,)


def test_a_large_heic_file_is_refused_from_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (600, 600), "white").save(tmp_path / "large.heic")
    monkeypatch.setattr("numbre_runtime.pictures.picture._HEIF_PIXELS", 300_000)
    with pytest.raises(numbre.ImageError, match="600×600 pixels takes too much memory"):
        numbre.load().predict(tmp_path / "large.heic")
