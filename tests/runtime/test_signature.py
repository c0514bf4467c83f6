"""Signed bundles, with OpenSSH's own ssh-keygen on both sides."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import NUMBRE_BUNDLE, Run
from numbre_runtime.bundle import ALLOWED_SIGNERS, SIGNATURE, read_bundle
from numbre_runtime.errors import BundleError
from numbre_runtime.signature import NAMESPACE, sign_manifest, signed_time, verify_signature


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with the keys "ana" and "bob", and a file that allows ana alone."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("needs ssh-keygen (Debian: openssh-client)")
    for name in ("ana", "bob"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    public = (tmp_path / "ana.pub").read_text()
    (tmp_path / "signers").write_text(f'ana@example.org namespaces="{NAMESPACE}" {public}')
    return tmp_path


def test_a_signed_bundle_is_loaded_where_only_signed_ones_are(keys: Path, run_command: Run) -> None:
    bundle = shutil.copytree(NUMBRE_BUNDLE, keys / "bundle")
    settings = {ALLOWED_SIGNERS: str(keys / "signers")}
    words = ["numbre-predict", "--backend", "numpy", "--bundle", bundle, "samples/paper_3.png"]
    done = run_command(*words, **settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not signed, and only signed bundles are loaded; numbre-export --sign KEY" in done.stderr
    (bundle / SIGNATURE).write_bytes(sign_manifest((bundle / "manifest.json").read_bytes(), keys / "ana"))
    assert run_command(*words, **settings).returncode == 0
    # Elsewhere a signature is no file too many.
    assert read_bundle(bundle).version == read_bundle(NUMBRE_BUNDLE).version


def test_what_is_altered_or_signed_by_others_is_refused(keys: Path) -> None:
    manifest = (NUMBRE_BUNDLE / "manifest.json").read_bytes()
    content = sign_manifest(manifest, keys / "ana")
    found = verify_signature(content, manifest, keys / "signers", "b")
    assert found == ("ana@example.org", signed_time(content))
    with pytest.raises(BundleError, match="was altered after it was signed"):
        verify_signature(content, manifest + b" ", keys / "signers", "b")
    with pytest.raises(BundleError, match="is signed by nobody whom"):
        verify_signature(sign_manifest(manifest, keys / "bob"), manifest, keys / "signers", "b")
    older = {**json.loads(content), "signed": "2036-01-01T00:00:00Z"}
    with pytest.raises(BundleError, match="its signature is wrong"):
        verify_signature(json.dumps(older).encode(), manifest, keys / "signers", "b")
    with pytest.raises(BundleError, match="is signed by nobody whom"):
        verify_signature(content, manifest, keys / "missing", "b")
    for wrong in (b"", b"[]", b"{}", b'{"manifest_sha256": 1, "signed": "", "signature": ""}'):
        with pytest.raises(BundleError, match="b: "):
            verify_signature(wrong, manifest, keys / "signers", "b")


def test_another_program_that_verifies_finds_the_same(keys: Path) -> None:
    manifest = (NUMBRE_BUNDLE / "manifest.json").read_bytes()
    found = json.loads(sign_manifest(manifest, keys / "ana"))
    (keys / "signature").write_text(found["signature"])
    statement = f"{NAMESPACE}\nmanifest sha256 {found['manifest_sha256']}\nsigned {found['signed']}\n"
    files = ["-f", str(keys / "signers"), "-s", str(keys / "signature")]
    words = ["-Y", "verify", *files, "-I", "ana@example.org", "-n", NAMESPACE]
    for text, code in ((statement, 0), (statement.replace("signed 2", "signed 3"), 255)):
        done = subprocess.run(["ssh-keygen", *words], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == code


def test_a_key_that_cannot_sign_is_one_line(keys: Path, run_command: Run) -> None:
    bundle = shutil.copytree(NUMBRE_BUNDLE, keys / "bundle")
    done = run_command("numbre-export", "--model", bundle, "--sign", keys / "ana")
    assert (done.returncode, done.stdout) == (0, f"{bundle / SIGNATURE}: signed with {keys / 'ana'}\n")
    verify_signature((bundle / SIGNATURE).read_bytes(), (bundle / "manifest.json").read_bytes(), keys / "signers", "b")
    (keys / "broken").write_text("no key")
    done = run_command("numbre-export", "--model", bundle, "--sign", keys / "broken")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "cannot sign" in done.stderr
