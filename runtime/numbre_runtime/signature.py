"""Who made a bundle, by OpenSSH's own signatures (PROTOCOL.sshsig; ssh-keygen -Y sign and verify).

`signature.json` beside the manifest holds the manifest's SHA-256, the time of signing and the signature of both. The
manifest lists the SHA-256 of every file, so the signature covers the whole bundle.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from numbre_runtime.errors import BundleError
from numbre_runtime.strict_json import parse_json
from numbre_runtime.text import json_text

NAMESPACE = "numbre-bundle"
"""Keeps signatures of bundles and of other things apart."""


class Signed(NamedTuple):
    """A signature that was found to be right."""

    signer: str
    """The signer's name in the file of allowed signers."""
    time: str
    """When it was signed, "2026-11-27T12:00:00Z"."""


def sign_manifest(manifest: bytes, key: Path) -> bytes:
    """The content of `signature.json` for a bundle.

    Args:
        manifest: The bundle's manifest.json, byte for byte.
        key: A private key, or a public one whose private half the ssh agent holds.

    Raises:
        BundleError: The key cannot sign, or ssh-keygen is missing.
    """
    digest, now = hashlib.sha256(manifest).hexdigest(), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    done = _ssh_keygen(["-Y", "sign", "-f", str(key), "-n", NAMESPACE], _statement(digest, now))
    if done.returncode:
        raise BundleError(f"{key}: cannot sign ({_last_line(done.stderr)}); make a key with: ssh-keygen -t ed25519")
    content = {"manifest_sha256": digest, "signed": now, "signature": done.stdout.decode()}
    return (json_text(content, indent=1) + "\n").encode()


def signed_time(content: bytes) -> str:
    """When a signature says that it was made, "2026-11-27T12:00:00Z"; whether that is true, `verify_signature` tells.

    Raises:
        BundleError: It is no `signature.json`.
    """
    return _read(content, "signature.json")["signed"]


def verify_signature(content: bytes, manifest: bytes, signers: Path, where: str) -> Signed:
    """Makes sure that somebody who is allowed to has signed a bundle.

    Args:
        content: Its `signature.json`.
        manifest: Its manifest.json, byte for byte.
        signers: A file of allowed signers, as ssh-keygen(1) describes it.
        where: The bundle's directory, for messages.

    Raises:
        BundleError: It is altered, or signed by somebody else.
    """
    found = _read(content, where)
    if found["manifest_sha256"] != hashlib.sha256(manifest).hexdigest():
        raise BundleError(f"{where}: was altered after it was signed; get it again, or sign it again")
    with tempfile.TemporaryDirectory() as folder:
        signature = Path(folder) / "signature"
        signature.write_text(found["signature"], encoding="utf-8")
        options = ["-f", str(signers.absolute()), "-s", str(signature)]
        names = _ssh_keygen(["-Y", "find-principals", *options], b"")
        signer = names.stdout.decode(errors="replace").split(",")[0].strip() if not names.returncode else ""
        if not signer:
            raise BundleError(f"{where}: is signed by nobody whom {signers} allows ({_last_line(names.stderr)})")
        statement = _statement(found["manifest_sha256"], found["signed"])
        done = _ssh_keygen(["-Y", "verify", *options, "-I", signer, "-n", NAMESPACE], statement)
    if done.returncode:
        raise BundleError(f"{where}: its signature is wrong ({_last_line(done.stderr or done.stdout)})")
    return Signed(signer, found["signed"])


def _read(content: bytes, where: str) -> dict[str, str]:
    found = parse_json(content, where, BundleError)
    names = ("manifest_sha256", "signed", "signature")
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in names):
        raise BundleError(f"{where}: is no signature of a bundle; sign it with: numbre-export --sign KEY")
    return found


def _statement(digest: str, now: str) -> bytes:
    """The bytes that are signed."""
    return f"{NAMESPACE}\nmanifest sha256 {digest}\nsigned {now}\n".encode()


def _ssh_keygen(words: list[str], content: bytes) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise BundleError("the program ssh-keygen is missing; install OpenSSH's client (Debian: openssh-client)")
    return subprocess.run([program, *words], input=content, capture_output=True, check=False)


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
