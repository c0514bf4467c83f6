"""One bundle to one board: what is missing there travels, is checked there, and takes the old release's place."""

from __future__ import annotations

import getpass
import hashlib
import json
import platform
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from numbre_runtime.bundle import MANIFEST, SIGNATURE, Bundle, read_bundle
from numbre_runtime.deploy.board_session import BoardFacts, BoardSession, MissedBoundError, board_session
from numbre_runtime.deploy.budgets import Budgets
from numbre_runtime.deploy.environment_lock import EnvironmentLock, default_engines
from numbre_runtime.deploy.service_unit import ServiceUnit
from numbre_runtime.errors import BundleError
from numbre_runtime.files import read_limited
from numbre_runtime.remote.ssh import Host
from numbre_runtime.signature import signed_time

FOLDER = "~/.local/share/numbre"
"""Where the releases are on a board, unless the user says otherwise."""
_LARGEST_FILE = 256 << 20


class Destination(NamedTuple):
    """A board of the user's own."""

    host: Host
    """How ssh reaches it."""
    python: str = "python3"
    """Its Python interpreter."""
    folder: str = FOLDER
    """The folder of its releases."""
    engine: str | None = None
    """An extra of numbre-runtime, "litert"; "none": NumPy alone; None: what its processor can have."""
    tags: tuple[str, ...] = ()
    """Words to choose boards by."""
    bundle: Path | None = None
    """The bundle that it gets; None: the one that the command names."""


class Wishes(NamedTuple):
    """How to deploy."""

    budgets: Budgets = Budgets()
    """Bounds that the release has to keep on the board."""
    service: ServiceUnit | None = None
    """The systemd service to write and start."""
    port: int | None = None
    """The port of a service on the board, of whatever kind, that serves `current`."""
    model: str = ""
    """The name that requests to it use; empty for the bundle's own."""
    timeout: float = 30.0
    """Seconds that the service has to answer with the new release."""
    constraints: str | None = None
    """Text of a pip constraints file for the board."""
    wheels: Callable[[BoardFacts, tuple[str, ...]], Path | None] = lambda _, __: None
    """Gives a folder of wheels for a board and extras; None lets the board's pip get them."""
    allow_downgrade: bool = False
    """Whether a release may take the place of one that came after it."""
    signers: str | None = None
    """Text of a file of allowed signers, one of whom must have signed the bundle; None: nobody need have."""
    extras: tuple[str, ...] = ()
    """Further extras of numbre-runtime to install, "photo"."""
    shadow: bool = False
    """Whether the release shall run beside the current one, without answering, until it is promoted."""


class Parcel:
    """A bundle's files as they go to the boards, manifest and all."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        contents = {MANIFEST: read_limited(bundle.path / MANIFEST, _LARGEST_FILE, BundleError), **bundle.contents}
        if (bundle.path / SIGNATURE).is_file():
            contents[SIGNATURE] = read_limited(bundle.path / SIGNATURE, _LARGEST_FILE, BundleError)
        self.contents = contents
        """File name to content."""

    @property
    def name(self) -> str:
        """The bundle's name, its directory's."""
        return self.bundle.path.name

    @cached_property
    def digests(self) -> dict[str, str]:
        """File name to SHA-256."""
        return {name: hashlib.sha256(content).hexdigest() for name, content in self.contents.items()}

    @property
    def signed(self) -> str | None:
        """When it was signed; None if it is not."""
        return signed_time(self.contents[SIGNATURE]) if SIGNATURE in self.contents else None

    def release_id(self, environment: str, signers: str | None) -> str:
        """The name of the release of these files with an environment and allowed signers."""
        text = json.dumps([self.digests, environment, signers], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class Deployed(NamedTuple):
    """What came of a deployment."""

    host: str
    """The board."""
    release: str
    """The release that is current now."""
    changed: bool
    """Whether it was not before."""
    previous: str | None
    """The release before it."""
    sent_bytes: int
    """Bytes of files that travelled."""
    seconds: float
    """How long it took."""
    figures: dict[str, Any]
    """What was measured on the board; see `release_check`. Empty if nothing changed."""
    note: str = ""
    """What else there is to say."""


def deploy(
    board: Destination,
    bundle: Path | Bundle,
    wishes: Wishes | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Deployed:
    """Deploys a bundle to a board; running it again changes nothing.

    Args:
        board: The board.
        bundle: The bundle's directory.
        wishes: How; None for the defaults.
        told: Called with each step in a few words.

    Raises:
        UnreachableError: The board is off, or the connection was lost; the next run goes on where this one stopped.
        MissedBoundError: The release fails a check or misses a bound there; the board keeps what it had.
        RemoteError: The board cannot take it.
        BundleError: The bundle is incomplete, altered, malformed or too new.
    """
    start, wishes = time.monotonic(), wishes or Wishes()
    parcel = Parcel(bundle if isinstance(bundle, Bundle) else read_bundle(bundle))
    told("connecting")
    with board_session(board.host, board.folder, board.python) as session:
        lock = _lock_for(board, session.facts, wishes)
        release = parcel.release_id(lock.name, wishes.signers)
        state = session.ask("open", make=True)
        before, figures = state["current"], dict[str, Any]()
        if before != release:
            _refuse_downgrade(session, parcel, release, state, wishes)
            _transfer(session, {**lock.files, **parcel.contents}, {**lock.digests, **parcel.digests}, told)
            told("environment")
            session.ask("environment", name=lock.name, lock=lock.settings, files=lock.digests, python=board.python)
            session.ask(
                "release",
                id=release,
                files=parcel.digests,
                environment=lock.name,
                record=_record(parcel, lock),
                signers=wishes.signers,
            )
            told("checks")
            figures = session.ask("check", id=release, options=_check_options(board, wishes))["figures"]
        if wishes.shadow and before != release:
            told("shadow")
            session.ask("shadow", id=release)
        else:
            told("switch")
            _switch(session, release, wishes, parcel.name)
        note = state["recovered"]
        return Deployed(
            board.host.name, release, before != release, before if before != release else state["previous"],
            session.sent_bytes, time.monotonic() - start, figures, note,
        )  # fmt: skip


def _lock_for(board: Destination, facts: BoardFacts, wishes: Wishes) -> EnvironmentLock:
    engines = default_engines(facts) if board.engine is None else (board.engine,)
    served = ("serve",) if wishes.service is not None else ()
    extras = tuple(sorted({extra for extra in (*engines, *wishes.extras, *served) if extra != "none"}))
    return EnvironmentLock(facts, extras, wishes.constraints, wishes.wheels(facts, extras))


def _record(parcel: Parcel, lock: EnvironmentLock) -> dict[str, Any]:
    return {
        "name": parcel.name,
        "bundle": parcel.bundle.version,
        "signed": parcel.signed,
        "extras": lock.settings["extras"],
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "by": whoami(),
    }


def whoami() -> str:
    """Who deploys from which machine, "ana@laptop"."""
    return f"{getpass.getuser()}@{platform.node()}"


def _refuse_downgrade(
    session: BoardSession, parcel: Parcel, release: str, state: dict[str, Any], wishes: Wishes
) -> None:
    """Refuses a bundle that a later one has replaced on this board.

    Raises:
        MissedBoundError: It is an older one.
    """
    if state["current"] is None or wishes.allow_downgrade:
        return
    remedy = "go back with: numbre-deploy rollback, or allow it with --allow-downgrade"
    now = state["releases"][state["current"]].get("signed")
    if parcel.signed is not None and now is not None and parcel.signed < now:
        raise MissedBoundError(
            f"{session.host}: {parcel.name} was signed {parcel.signed}, before the current release ({now}); {remedy}"
        )
    if release not in state["releases"]:
        return
    done = [entry for entry in session.ask("history")["entries"] if entry.get("result") == "done"]
    if any(entry.get("before") == release for entry in done):
        raise MissedBoundError(
            f"{session.host}: {parcel.name} {parcel.bundle.version} was replaced there by a later release; {remedy}"
        )


def _transfer(
    session: BoardSession, contents: dict[str, bytes], digests: dict[str, str], told: Callable[[str], None]
) -> None:
    """Sends the files that the board lacks."""
    by_digest = {digests[name]: content for name, content in contents.items()}
    sizes = {digest: len(content) for digest, content in by_digest.items()}
    missing: dict[str, int] = session.ask("missing", files=sizes)["missing"]
    total, sent = sum(sizes[digest] - present for digest, present in missing.items()), 0

    def count(part: int) -> None:
        nonlocal sent
        sent += part
        told(f"sending {sent / 1e6:.1f} of {total / 1e6:.1f} MB")

    for digest, present in missing.items():
        session.send(by_digest[digest], digest, present, count)


def _check_options(board: Destination, wishes: Wishes) -> list[str]:
    backends = {"onnx": "onnxruntime", "tflite": "tflite_runtime", "none": "numpy"}
    backend = [] if board.engine is None else [f"--backend={backends.get(board.engine, board.engine)}"]
    return [*wishes.budgets.options(), *backend]


def _switch(session: BoardSession, release: str, wishes: Wishes, name: str) -> None:
    """Makes a release current.

    Raises:
        MissedBoundError: It did not prove itself, and the board went back.
    """
    service = None if wishes.service is None else wishes.service.to_json(session.facts, name)
    port = wishes.port if wishes.service is None else wishes.service.port
    model = (wishes.model if wishes.service is None else wishes.service.model) or name
    served = None if port is None else {"port": port, "model": model, "timeout": wishes.timeout}
    check_switched(
        session.host, session.ask("switch", id=release, service=service, served=served, action="deploy", by=whoami())
    )


def check_switched(host: str, done: dict[str, Any]) -> str:
    """The release that is current after a switch.

    Raises:
        MissedBoundError: The new one did not prove itself, and the board went back.
    """
    if done["taken_back"]:
        now = f"is back at {done['current']}" if done["current"] else "has no release, as before"
        raise MissedBoundError(f"{host}: {done['taken_back']}; the board {now} after {done['seconds']:.1f} s")
    return str(done["current"])
