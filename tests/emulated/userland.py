"""Debian userlands for other processors, unpacked into a folder and run through qemu-user.

A private apt (own lists, an empty package status) resolves the packages from the mirror that this machine's own apt
uses; dpkg-deb unpacks them. Nothing is installed, and root is not needed.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SETTINGS = """\
APT::Architecture "{architecture}"; APT::Architectures {{"{architecture}";}}; APT::Sandbox::User "{user}";
APT::Install-Recommends "0"; Acquire::Languages "none"; Acquire::Retries "3";
Dir::State "{home}"; Dir::State::lists "{home}/lists"; Dir::State::status "{home}/status";
Dir::Cache "{home}/cache"; Dir::Cache::archives "{home}/archives";
Dir::Etc::sourcelist "{home}/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
"""
_LIMIT_S = 600
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/info")


class CannotEmulateError(Exception):
    """What emulation needs, or one board of it, cannot be had here."""


def make_emulator(folder: Path) -> Path:
    """qemu-user's static programs, in `folder`/usr/bin.

    Raises:
        CannotEmulateError: They cannot be had, or do not run here.
    """
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise CannotEmulateError(f"this is {platform.system()} on {platform.machine()}, and x86-64 Linux is needed")
    programs = folder / "usr/bin"
    if not (folder / ".done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _unpack(folder, "bookworm", "amd64", ["qemu-user-static"], only=True)
        (folder / ".done").touch()
    _run([str(programs / "qemu-arm-static"), "--version"])
    return programs


def make_userland(folder: Path, suite: str, architecture: str, packages: list[str]) -> Path:
    """A userland with these packages and all that they need.

    Args:
        folder: Where it goes; one that is there already, complete and of these packages, is kept.
        suite: Debian's name of the release, "bookworm".
        architecture: Debian's name of the processor, "arm64".
        packages: Names of packages.

    Raises:
        CannotEmulateError: It cannot be had here.
    """
    done, wanted = folder / ".done", " ".join(packages)
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if suite != "bookworm":
            # Newer releases expect these links, which their base package makes in a script that does not run here.
            for name in ("bin", "sbin", "lib"):
                (folder / "usr" / name).mkdir(parents=True, exist_ok=True)
                (folder / name).symlink_to(f"usr/{name}")
        _unpack(folder, suite, architecture, packages)
        for library in [*folder.glob("usr/lib/*/blas/lib*.so.3"), *folder.glob("usr/lib/*/lapack/lib*.so.3")]:
            # What update-alternatives would do.
            link = library.parent.parent / library.name
            link.unlink(missing_ok=True)
            link.symlink_to(f"{library.parent.name}/{library.name}")
        for name in _UNUSED:
            shutil.rmtree(folder / name, ignore_errors=True)
        done.write_text(wanted)
    return folder


def _unpack(folder: Path, suite: str, architecture: str, packages: list[str], only: bool = False) -> None:
    """Downloads packages, with what they need unless `only`, and unpacks them."""
    home = folder.with_name(f"{folder.name}.apt")
    shutil.rmtree(home, ignore_errors=True)
    for name in ("lists/partial", "cache", "archives/partial"):
        (home / name).mkdir(parents=True)
    (home / "status").touch()
    (home / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {suite} main\n")
    user = _run(["id", "-un"]).strip()
    # How this machine's own apt reaches its mirror: proxies, certificates, time limits.
    reach = _run(["apt-config", "dump", "Acquire"])
    (home / "settings").write_text(reach + _SETTINGS.format(architecture=architecture, home=home, user=user))
    environment = {**os.environ, "APT_CONFIG": str(home / "settings")}
    _run(["apt-get", "-qq", "update"], environment)
    if only:
        _run(["apt-get", "-qq", "download", *packages], environment, home / "archives")
    else:
        _run(["apt-get", "-qq", "install", "-y", "--download-only", *packages], environment)
    for package in sorted((home / "archives").glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(folder)])
    shutil.rmtree(home)


def _mirror() -> str:
    """Where this machine's own apt gets Debian from."""
    if not _KEYRING.exists():
        raise CannotEmulateError(f"{_KEYRING} is missing: this is no Debian, or package debian-archive-keyring is")
    # Without release files too, which a fresh machine has not got yet.
    targets = _run(["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI)"]).split()
    mirrors = [target for target in targets if "security" not in target]
    if not mirrors:
        raise CannotEmulateError("apt has no source of packages")
    return mirrors[0]


def _run(command: list[str], environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=folder, check=True, timeout=_LIMIT_S
        )
    except FileNotFoundError as cause:
        raise CannotEmulateError(f"{command[0]} is not installed") from cause
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise CannotEmulateError(f"{command[0]} does not run ({cause})") from cause
    except subprocess.CalledProcessError as cause:
        lines = cause.stderr.strip().splitlines() or [f"exit code {cause.returncode}"]
        raise CannotEmulateError(f"{' '.join(command[:3])}: {lines[-1]}") from cause
    return done.stdout
