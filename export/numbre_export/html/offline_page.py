"""The offline page: the service's own page to draw on, with everything that it loads put inside.

It asks for nothing from any host; a content security policy inside says so to the browser, and lets no scripts run but
those that were put in.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib import resources
from pathlib import Path

from numbre_export.html.plan import int8_artifact, model_of
from numbre_runtime.bundle import Bundle
from numbre_runtime.errors import OutputError
from numbre_runtime.files import write_atomic

GENERATOR = '<meta name="generator" content="numbre-export">'
"""Tells a page of ours from another file."""

_LOOKED_AT = 4096
"""`GENERATOR` stands within so many bytes."""
_OURS = ("interpreter.js", "local.js")
"""What takes the place of the script that asks a service."""


def offline_page(bundle: Bundle) -> bytes:
    """The page for a bundle with an int8 TFLite file.

    Args:
        bundle: A bundle of pictures in MNIST's form.

    Raises:
        BackendUnsupportedError: It has no file that is int8 throughout, or one that the NumPy backend does not compute.
        DataError: It takes no pictures of a digit.

    Example:
        >>> from numbre_runtime.bundle import DEFAULT_BUNDLE, read_bundle
        >>> page = offline_page(read_bundle(DEFAULT_BUNDLE))
        >>> page[:15], len(page) < 150_000
        (b'<!doctype html>', True)
    """
    artifact = int8_artifact(bundle.manifest)
    model = model_of(bundle.contents[artifact.file], artifact, bundle.manifest)
    page = _site("draw.html")
    names = re.findall(r'<script src="site/([a-z.]+)"></script>\n', page)
    page = re.sub(r'<script src="site/[a-z.]+"></script>\n', "", page)
    scripts = [_site(name) for name in names if name not in ("remote.js", "draw.js")]
    scripts += [_own(name) for name in _OURS] + [_site("draw.js")]
    style = _site("style.css")
    icon = base64.b64encode(_site("icon.svg").encode()).decode()
    page = re.sub(r"  <nav.*</nav>\n", "", page)
    page = page.replace('href="site/icon.svg"', f'href="data:image/svg+xml;base64,{icon}"')
    page = page.replace('<link rel="stylesheet" href="site/style.css">', f"<style>{style}</style>")
    page = page.replace("<title>", f"{GENERATOR}\n{_policy(style, scripts)}\n<title>", 1)
    # "<" would end the data early if a label were "</script>".
    data = json.dumps(model, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    inside = [f'<script type="application/json" id="bundle">{data}</script>']
    inside += [f"<script>{script}</script>" for script in scripts]
    return page.replace("</body>", "\n".join([*inside, "</body>"])).encode()


def write_offline_page(bundle: Bundle, path: Path) -> None:
    """Writes the page for a bundle, all or nothing.

    Raises:
        OutputError: The file cannot be written, or is there and not a page of ours.
        BackendUnsupportedError: See `offline_page`.
        DataError: See `offline_page`.
    """
    content = offline_page(bundle)
    refuse_other_file(path)
    write_atomic(path, content)


def refuse_other_file(path: Path) -> None:
    """Refuses to write over a file that is no page of ours.

    Raises:
        OutputError: It is not.
    """
    # Reading a pipe would wait.
    if not path.is_file():
        return
    try:
        with path.open("rb") as stream:
            start = stream.read(_LOOKED_AT)
    except OSError as cause:
        raise OutputError(f"{path}: cannot be written ({cause.strerror or cause})") from cause
    if GENERATOR.encode() not in start:
        raise OutputError(f"{path}: is there, and no page that numbre-export wrote; move it away")


def _site(name: str) -> str:
    """One of the service's own files; the folder is reached without the packages that serving needs."""
    return (resources.files("numbre_runtime") / "serve" / "site" / name).read_text(encoding="utf-8")


def _own(name: str) -> str:
    return (resources.files("numbre_export.html") / name).read_text(encoding="utf-8")


def _policy(style: str, scripts: list[str]) -> str:
    """The content security policy: these scripts, this style, pictures inside the file, nothing else."""

    def listed(texts: list[str]) -> str:
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    rules = (
        f"default-src 'none'; script-src {listed(scripts)}; style-src {listed([style])}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{html.escape(rules)}">'
