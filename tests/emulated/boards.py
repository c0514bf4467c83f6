"""The boards that are emulated."""

from __future__ import annotations

from dataclasses import dataclass

_A53 = "fp asimd evtstrm crc32 cpuid"
_A76 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
_A7 = "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm"
_MACHINES = {"arm64": "aarch64", "armhf": "armv7l", "armel": "armv6l"}


@dataclass(frozen=True)
class System:
    """An operating system; what is installed on it once serves every board that runs it."""

    suite: str
    """Debian's name of the release."""
    title: str
    """What a person calls it."""
    architecture: str
    """Debian's name of the processor."""
    python: str
    """Version of the system's Python."""
    engine: str = ""
    """A backend whose engine is one of Debian's own packages."""
    offline: bool = False
    """Whether it is installed as the guide says for boards without a network."""

    @property
    def name(self) -> str:
        """A name for its folder."""
        return f"{self.suite}-{self.architecture}"

    @property
    def bits(self) -> int:
        """64 or 32."""
        return 64 if self.architecture == "arm64" else 32

    @property
    def machine(self) -> str:
        """What the kernel and the wheels call the processor."""
        return _MACHINES[self.architecture]


@dataclass(frozen=True)
class Board:
    """A board and the system on it."""

    name: str
    """Short name, "pi4"."""
    title: str
    """What a person calls it."""
    system: System
    """What runs on it."""
    cpu: str
    """QEMU's name of the processor."""
    part: str
    """Its number in /proc/cpuinfo."""
    features: str
    """Its features in /proc/cpuinfo."""
    cores: int = 4
    """Its processors."""
    images: int = 500
    """Test images that the default model's int8 TFLite file is run on; every other file gets 500."""


_BOOKWORM_64 = System("bookworm", "Debian 12", "arm64", "3.11", offline=True)
_TRIXIE_64 = System("trixie", "Debian 13", "arm64", "3.13")
_BOOKWORM_32 = System("bookworm", "Debian 12", "armhf", "3.11")
_TRIXIE_32 = System("trixie", "Debian 13", "armhf", "3.13", engine="onnxruntime")
_BOOKWORM_ARMEL = System("bookworm", "Debian 12", "armel", "3.11", offline=True)

BOARDS = (
    Board("pi3", "Raspberry Pi 3, 64-bit", _BOOKWORM_64, "cortex-a53", "0xd03", _A53),
    Board("pi4", "Raspberry Pi 4, 64-bit", _BOOKWORM_64, "cortex-a72", "0xd08", _A53, images=10_000),
    Board("pi5", "Raspberry Pi 5, 64-bit", _BOOKWORM_64, "cortex-a76", "0xd0b", _A76),
    Board("pi5-trixie", "Raspberry Pi 5, 64-bit", _TRIXIE_64, "cortex-a76", "0xd0b", _A76),
    Board("pi2", "Raspberry Pi 2, 32-bit", _BOOKWORM_32, "cortex-a7", "0xc07", _A7),
    Board("pi2-trixie", "Raspberry Pi 2, 32-bit", _TRIXIE_32, "cortex-a7", "0xc07", _A7),
    Board("zero", "Raspberry Pi Zero (ARMv6, soft float)", _BOOKWORM_ARMEL, "arm1176", "0xb76",
          "half thumb fastmult vfp edsp java tls", cores=1),
)  # fmt: skip
