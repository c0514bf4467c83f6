"""The emulated boards: how firmware is compiled, linked and run for each, and what its counter counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SemihostedBoard:
    """A board that QEMU emulates, whose firmware reads and writes this machine's files."""

    name: str
    title: str
    """For people."""
    tools: str
    """What the names of its compiler and binary utilities begin with."""
    processor: tuple[str, ...]
    """The compiler's flags."""
    start: str
    """The file in firmware/ that starts it."""
    emulator: tuple[str, ...]
    """The command, but for the firmware."""
    flash: tuple[int, int]
    """Address and bytes."""
    ram: tuple[int, int]
    """Address and bytes."""
    instructions_per_tick: float
    """What a tick of its counter means where QEMU takes one instruction for a nanosecond (-icount shift=0)."""


@dataclass(frozen=True)
class AvrBoard:
    """An AVR that simavr simulates, cycle by cycle."""

    name: str
    title: str
    processor: str
    """Its name to avr-gcc and simavr."""
    clock: int
    """Hz."""


def _cortex_m(
    machine: str, title: str, core: str, flash: tuple[int, int], ram: tuple[int, int], megahertz: float
) -> SemihostedBoard:
    # SysTick counts the machine's clock, QEMU's virtual time, in which an instruction takes a nanosecond.
    return SemihostedBoard(
        machine,
        title,
        "arm-none-eabi-",
        ("-mthumb", f"-mcpu={core}"),
        "cortex_m.c",
        ("qemu-system-arm", "-M", machine),
        flash,
        ram,
        1000 / megahertz,
    )


SEMIHOSTED = (
    _cortex_m("microbit", "micro:bit, Cortex-M0", "cortex-m0", (0, 256 << 10), (0x20000000, 16 << 10), 16),
    _cortex_m("mps2-an385", "MPS2, Cortex-M3", "cortex-m3", (0, 1 << 20), (0x20000000, 64 << 10), 25),
    _cortex_m("mps2-an386", "MPS2, Cortex-M4", "cortex-m4", (0, 1 << 20), (0x20000000, 64 << 10), 25),
    _cortex_m("mps2-an505", "MPS2, Cortex-M33", "cortex-m33", (0x10000000, 1 << 20), (0x38000000, 64 << 10), 20),
    SemihostedBoard(
        "riscv32",
        "RISC-V, rv32imac",
        "riscv64-unknown-elf-",
        ("-march=rv32imac_zicsr", "-mabi=ilp32"),
        "riscv.c",
        ("qemu-system-riscv32", "-M", "virt", "-bios", "none"),
        (0x80000000, 1 << 20),
        (0x80100000, 64 << 10),
        1,
    ),
)
"""Every board of QEMU's."""
AVR = AvrBoard("atmega328p", "Arduino Uno, ATmega328P", "atmega328p", 16_000_000)

PACKAGES = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
    "qemu-system-riscv32": "qemu-system-misc",
    "avr-gcc": "gcc-avr avr-libc",
    "simavr": "simavr libsimavr-dev",
}
"""Command to the Debian packages that bring it."""
