"""Classifies images with the C library on one emulated board."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microcontrollers.boards import PACKAGES, AvrBoard, SemihostedBoard
from numbre_export.c.c_model import CModel
from numbre_export.c.model_source import model_files

_FIRMWARE = Path(__file__).parent / "firmware"
_WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
_SECONDS = 400


class MissingToolError(Exception):
    """A tool is missing on this machine: which one, and the Debian package that has it."""


@dataclass(frozen=True)
class BoardRun:
    """What a board did."""

    scores: NDArray[np.int8]
    """(N, outputs), as the library gave them."""
    flash: int
    """Bytes of the library, compiled with -Os."""
    ram: int
    """Bytes of the library's static buffer."""
    stack: int
    """The deepest stack on any image, main's own included."""
    steps: float
    """Instructions of one prediction, or cycles on an AVR; the mean of all images."""


def on_semihosted(board: SemihostedBoard, model: CModel, images: NDArray[np.uint8], folder: Path) -> BoardRun:
    """Runs images (N, …) on a board of QEMU's, in an empty folder."""
    _need(f"{board.tools}gcc", board.emulator[0])
    _write(model, images, folder)
    places = {
        "FLASH_AT": board.flash[0],
        "FLASH_SIZE": board.flash[1],
        "RAM_AT": board.ram[0],
        "RAM_SIZE": board.ram[1],
    }
    sources = [_FIRMWARE / name for name in ("classify_file.c", "host_files.c", board.start)]
    common = (f"{board.tools}gcc", "-std=gnu99", "-Os", *board.processor, *_WARNINGS, "-ffreestanding")
    sections = ("-ffunction-sections", "-fdata-sections", "-I.", f"-I{_FIRMWARE}")
    _run(folder, *common, *sections, "-pedantic", "-std=c99", "-c", "model.c", "-o", "model.o")
    link = (
        "-nostdlib",
        "-nostartfiles",
        "-Wl,--gc-sections",
        "-Wl,-Map=firmware.map",
        f"-T{_FIRMWARE / 'firmware.ld'}",
    )
    defined = [f"-Wl,--defsym={name}={value:#x}" for name, value in places.items()]
    _run(folder, *common, *sections, *link, *defined, *sources, "model.o", "-lgcc", "-o", "firmware.elf")
    quiet = ("-nographic", "-monitor", "none", "-serial", "none")
    semihosting = ("-icount", "shift=0", "-semihosting-config", "enable=on,target=native")
    _run(folder, *board.emulator, *quiet, *semihosting, "-kernel", "firmware.elf")
    sections_of_model = _sections((folder / "firmware.map").read_text(encoding="utf-8"))
    return _outcome(model, folder, sections_of_model, board.instructions_per_tick)


def on_avr(board: AvrBoard, model: CModel, images: NDArray[np.uint8], folder: Path) -> BoardRun:
    """Runs images (N, …) on an AVR, in an empty folder."""
    _need("avr-gcc", "simavr", "cc")
    _write(model, images, folder)
    sections = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-Wl,-Map=firmware.map")
    compiler = ("avr-gcc", f"-mmcu={board.processor}", "-std=gnu99", "-Os", *_WARNINGS, *sections, "-I.")
    _run(folder, *compiler, _FIRMWARE / "avr.c", "model.c", "-o", "firmware.elf")
    _run(folder, "cc", "-O2", *_WARNINGS, _FIRMWARE / "simulate_avr.c", "-lsimavr", "-o", "simulate")
    # avr-gcc counts RAM from 0x800000 on.
    symbols = {fields[-1]: int(fields[0], 16) for fields in map(str.split, _run(folder, "avr-nm", "firmware.elf"))}
    image, scores, state = (f"{symbols[name] - 0x800000:x}" for name in ("image", "scores", "state"))
    _run(folder, "./simulate", "firmware.elf", board.processor, image, model.inputs, scores, model.outputs, state)
    return _outcome(model, folder, _sections((folder / "firmware.map").read_text(encoding="utf-8")), 1)


def _need(*commands: str) -> None:
    for command in commands:
        if shutil.which(command) is None:
            raise MissingToolError(f"{command} is not installed (Debian: {PACKAGES.get(command, command)})")


def _write(model: CModel, images: NDArray[np.uint8], folder: Path) -> None:
    for name, text in model_files(model).items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "images.bin").write_bytes(images.tobytes())


def _run(folder: Path, *command: object) -> list[str]:
    """Runs a command; gives its output's lines."""
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        raise AssertionError(f"{command[0]} exited with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout.splitlines()


def _sections(link_map: str) -> tuple[int, int]:
    """Flash and RAM that the linker gave to the model and to what it needs of libgcc, by the map."""
    flash = ram = 0
    text = link_map.split("Linker script and memory map", 1)[1].replace("\n                ", " ")
    for line in text.splitlines():
        fields = line.split()
        named = len(fields) == 4 and fields[0].startswith(".") and fields[2].startswith("0x")
        if not named or not ("model" in fields[3] or "libgcc" in fields[3] or "/cc" in fields[3]):
            continue
        name, size = fields[0], int(fields[2], 16)
        if name.startswith((".text", ".rodata", ".data", ".progmem", ".srodata")):
            flash += size
        if name.startswith((".data", ".bss", ".sbss", ".sdata")) and "arena" in name:
            ram += size
    return flash, ram


def _outcome(model: CModel, folder: Path, sections: tuple[int, int], per_tick: float) -> BoardRun:
    scores = np.fromfile(folder / "scores.bin", np.int8).reshape(-1, model.outputs)
    measured = np.fromfile(folder / "measured.bin", "<u4").reshape(-1, 2)
    return BoardRun(scores, *sections, int(measured[:, 1].max()), float(measured[:, 0].mean()) * per_tick)
