"""The boards that are emulated, and a virtual environment on each."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from emulated.userland import make_userland

_A53 = "fp asimd evtstrm crc32 cpuid"
_A76 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
_A7 = "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm"


@dataclass(frozen=True)
class Board:
    """A board and the system on it."""

    name: str
    """Short name, "pi4"."""
    title: str
    """What a person calls it."""
    suite: str
    """Debian's name of the release."""
    architecture: str
    """Debian's name of the processor."""
    cpu: str
    """QEMU's name of the processor."""
    part: str
    """Its number in /proc/cpuinfo."""
    features: str
    """Its features in /proc/cpuinfo."""
    python: str
    """Version of the system's Python."""
    images: int = 500
    """Test images that the int8 TFLite file is run on; the others get 500."""
    engine: str = ""
    """An engine of Debian's own."""

    @property
    def bits(self) -> int:
        """64 or 32."""
        return 64 if self.architecture == "arm64" else 32

    @property
    def packages(self) -> list[str]:
        """The system's packages; 32-bit boards get NumPy and Pillow from Debian, for which PyPI has no wheels."""
        base = [
            "base-files",
            f"python{self.python}-minimal",
            f"libpython{self.python}-stdlib",
            "libstdc++6",
            "ca-certificates",
        ]
        engine = [self.engine] if self.engine else []
        return base if self.bits == 64 else [*base, "python3-numpy", "python3-pil", *engine]


BOARDS = (
    Board("pi3", "Raspberry Pi 3, 64-bit", "bookworm", "arm64", "cortex-a53", "0xd03", _A53, "3.11"),
    Board("pi4", "Raspberry Pi 4, 64-bit", "bookworm", "arm64", "cortex-a72", "0xd08", _A53, "3.11", 10_000),
    Board("pi5", "Raspberry Pi 5, 64-bit", "bookworm", "arm64", "cortex-a76", "0xd0b", _A76, "3.11"),
    Board("pi5-trixie", "Raspberry Pi 5, 64-bit", "trixie", "arm64", "cortex-a76", "0xd0b", _A76, "3.13"),
    Board("pi2", "Raspberry Pi 2, 32-bit", "bookworm", "armhf", "cortex-a7", "0xc07", _A7, "3.11"),
    Board("pi2-trixie", "Raspberry Pi 2, 32-bit", "trixie", "armhf", "cortex-a7", "0xc07", _A7, "3.13",
          engine="python3-onnxruntime"),
    Board("zero", "Raspberry Pi Zero (ARMv6, soft float)", "bookworm", "armel", "arm1176", "0xb76",
          "half thumb fastmult vfp edsp java tls", "3.11"),
)  # fmt: skip


class Environment:
    """A virtual environment on a board, whose `python` starts QEMU and may be called like any other."""

    def __init__(self, board: Board, name: str, folder: Path, emulator: Path) -> None:
        self.board = board
        userland = make_userland(
            folder / f"{board.suite}-{board.architecture}", board.suite, board.architecture, board.packages
        )
        root = folder / board.name
        if not root.exists():
            _hard_link(userland, root)
            _describe(board, root)
        self.folder = folder / f"{board.name}-{name}"
        self.python = self.folder / "bin" / "python"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.python.parent.mkdir(parents=True)
        self._site = self.folder / "lib" / f"python{board.python}" / "site-packages"
        self._site.mkdir(parents=True)
        (self.folder / "pyvenv.cfg").write_text(
            f"home = {root}/usr/bin\ninclude-system-site-packages = {str(board.bits == 32).lower()}\n"
        )
        qemu = emulator / ("qemu-aarch64-static" if board.bits == 64 else "qemu-arm-static")
        # Python finds its environment, and itself for child processes, by the name under which it was called: -0.
        self.python.write_text(
            f"#!/bin/sh\nexec {qemu} -cpu {board.cpu} -L {root} -0 {self.python} "
            f'{root}/usr/bin/python{board.python} "$@"\n'
        )
        self.python.chmod(0o755)

    def install(self, wheelhouse: Path, extras: tuple[str, ...]) -> None:
        """`pip install` of the runtime with these extras on the board, from a folder of wheels.

        Raises:
            subprocess.CalledProcessError: pip fails.
        """
        import pip

        runner = Path(pip.__file__).parent / "__pip-runner__.py"
        options = ["--disable-pip-version-check", "--no-compile", "--quiet", "--progress-bar=off"]
        from_folder = ["--no-index", f"--find-links={wheelhouse}"]
        named = extras if self.board.architecture != "armhf" else ()
        whole = f"numbre-runtime[{','.join(named)}]" if named else "numbre-runtime"
        self.run(str(runner), "install", *options, *from_folder, whole)
        if self.board.architecture == "armhf" and "tflite" in extras:
            # On ARMv7 pip reads the ELF header of Python before it takes a manylinux wheel; here Python is a script.
            tag = ["--platform=manylinux_2_34_armv7l", "--only-binary=:all:", "--no-deps", f"--target={self._site}"]
            self.run(str(runner), "install", *options, *from_folder, *tag, "tflite-runtime")

    def share(self, other: Environment) -> None:
        """Takes over what is installed in an environment of the same system."""
        shutil.rmtree(self._site)
        self._site.symlink_to(other._site)
        for script in other.python.parent.glob("numbre-*"):
            copy = self.python.with_name(script.name)
            copy.write_text(script.read_text().replace(str(other.python), str(self.python)))
            copy.chmod(0o755)

    def run(self, *words: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Runs Python on the board.

        Raises:
            subprocess.CalledProcessError: It fails.
        """
        cache = str(self.folder / "cache")
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "NUMBRE_CACHE_DIR": cache, "LANG": "C.UTF-8"}
        return subprocess.run(
            [str(self.python), *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=True,
            env=environment,
        )


def _hard_link(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-al", str(source), str(target)], check=True)


def _describe(board: Board, root: Path) -> None:
    """Gives a board its own /proc/cpuinfo: without, QEMU shows the host's, and engines that read it crash."""
    one = f"Features\t: {board.features}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {board.part}\n"
    cores = 1 if board.name == "zero" else 4
    lines = "".join(f"processor\t: {core}\nBogoMIPS\t: 108.00\n{one}\n" for core in range(cores))
    (root / "proc" / "device-tree").mkdir(parents=True)
    (root / "proc" / "cpuinfo").write_text(f"{lines}Model\t\t: {board.title}\n")
    (root / "proc" / "device-tree" / "model").write_text(f"{board.title} (emulated {board.cpu})\0")
