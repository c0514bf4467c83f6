"""The board's side of a deployment. ssh hands this file to the board's own Python; it uses the standard library alone.

It reads requests from standard input, one JSON object a line, and writes one JSON object for each. On the board it
keeps one folder:

    files/SHA256          every file, by its digest; SHA256.part is one whose transfer goes on next time
    environments/NAME/    virtual environments, shared between the releases that have the same lock
    releases/ID/          bundle/ (hard links to files/), environment (a link), release.json, questions.json
    current, previous     links to releases, replaced by rename
    shadow                a link to a release that runs beside the current one and never answers
    served.json           the service that was last asked for
    unconfirmed           there from before a switch until the new release has proved itself
    history.jsonl         what was done, one JSON object a line
    work/                 what is being made; emptied at the start

Every step can be repeated, and one that is killed leaves the links as they were or as they shall be. A switch whose
`unconfirmed` is still there is taken back at the next start.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

PROTOCOL = 1
MARK = "numbre-board "
"""How the first line begins, after whatever the board's shell prints by itself."""
UNIT_MARK = "# Written by numbre-deploy"
_SPARE_BYTES = 8 << 20
"""Free bytes that a deployment leaves on the disk."""
_LOCK_WAIT_S = 15.0
"""An interrupted deployment's process may need so long to notice that its connection has gone."""
_RECORD, _QUESTIONS, _COMPLETE = "release.json", "questions.json", "complete.json"
_CHUNK = 1 << 18
_POLL_S = 0.1
_SERVED, _SIGNERS = "served.json", "allowed_signers"
SERVICE_SETTINGS = "service.env"
"""In a release: what its service's environment has too; a release without it needs nothing there."""
_LINKS = ("current", "previous")


class RefusedByBoardError(Exception):
    """A step cannot be done here; the message is shown to the user."""


class MissedByBoardError(RefusedByBoardError):
    """A release misses a bound or fails a check."""


class BoardFolder:
    """The folder of releases on this board."""

    def __init__(self, folder: str) -> None:
        self.root = Path(folder).expanduser().absolute()
        self._lock = -1

    # What the requests ask for: a method for each, its arguments and its answer are JSON.

    def open(self, make: bool) -> dict[str, Any]:
        """Locks the folder, takes back what was interrupted, and tells what is there."""
        if make:
            try:
                for name in ("files", "environments", "releases", "work"):
                    (self.root / name).mkdir(parents=True, exist_ok=True)
            except OSError as cause:
                raise RefusedByBoardError(f"{self.root}: cannot be made ({cause.strerror})") from cause
        elif not (self.root / "releases").is_dir():
            nothing = dict.fromkeys((*_LINKS, "shadow"))
            return {"folder": str(self.root), "releases": {}, **nothing, "recovered": ""}
        (self.root / "work").mkdir(exist_ok=True)
        self._take_lock()
        recovered = self._recover()
        for ending in ("back", "next"):
            self._drop_links(ending)
        for path in (self.root / "work").iterdir():
            _remove(path)
        for path in (self.root / "releases").iterdir():
            if not (path / _RECORD).is_file():
                _remove(path)
        return {**self.state(), "recovered": recovered}

    def state(self) -> dict[str, Any]:
        """The releases, and which of them are current and previous."""
        releases = {path.name: _read_json(path / _RECORD) for path in (self.root / "releases").iterdir()}
        links = {name: self._linked(name) for name in (*_LINKS, "shadow")}
        free = shutil.disk_usage(self.root).free
        return {"folder": str(self.root), "releases": releases, "free_bytes": free, **links}

    def history(self) -> dict[str, Any]:
        """Everything that was done here, oldest first; a line that was cut off is left out."""
        entries = []
        with suppress(FileNotFoundError), (self.root / "history.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                with suppress(ValueError):
                    entries.append(json.loads(line))
        return {"entries": entries[-1000:]}

    def missing(self, files: dict[str, int]) -> dict[str, Any]:
        """Which files are not here, by digest, with the bytes of each that are; refuses if they do not fit on the disk.

        Args:
            files: Digest to size.
        """
        result = {}
        for digest, size in files.items():
            if not (self.root / "files" / digest).is_file():
                part = self.root / "files" / f"{digest}.part"
                present = part.stat().st_size if part.is_file() else 0
                result[digest] = present if present <= size else 0
        needed = sum(files[digest] - present for digest, present in result.items())
        free = shutil.disk_usage(self.root).free
        if needed + _SPARE_BYTES > free:
            raise MissedByBoardError(
                f"{free / 1e6:.0f} MB free at {self.root}, {(needed + _SPARE_BYTES) / 1e6:.0f} MB needed"
            )
        return {"missing": result}

    def receive(self, payload: BinaryIO, digest: str, size: int, offset: int) -> dict[str, Any]:
        """Takes the bytes of a file from `offset` on; it gets its name once its digest is right."""
        part = self.root / "files" / f"{digest}.part"
        with part.open("r+b" if offset else "wb") as stream:
            stream.seek(offset)
            left = size - offset
            while left:
                chunk = payload.read1(min(left, _CHUNK))  # type: ignore[attr-defined]
                if not chunk:
                    raise ConnectionError
                # At once, so that nothing of what came is sent again after an interruption.
                stream.write(chunk)
                stream.flush()
                left -= len(chunk)
            os.fsync(stream.fileno())
        self._check_digest(part, digest)
        part.rename(part.with_suffix(""))
        return {}

    def environment(self, name: str, lock: dict[str, Any], files: dict[str, str], python: str) -> dict[str, Any]:
        """Makes a virtual environment from a lock, unless it is here.

        Args:
            name: Its folder's name, the digest of the lock.
            lock: "wheel" the runtime's file, "extras", "constraints" or null, "index" whether pip may ask its index.
            files: Wheel's file name to digest; pip's own is among them.
            python: The interpreter.
        """
        folder = self.root / "environments" / name
        if (folder / _COMPLETE).is_file():
            return {"made": False}
        _remove(folder)
        wheels = self._linked_files(folder / "wheels", files)
        # Without pip inside: pip comes along as a wheel, runs out of it, and so does not need ensurepip, which Debian
        # keeps in another package.
        self._run(
            [python, "-m", "venv", "--without-pip", "--system-site-packages", str(folder)],
            "its Python makes no virtual environment; on Debian: sudo apt install python3-venv",
        )
        pip = next(path for path in wheels if path.name.startswith("pip-"))
        command = [str(folder / "bin/python"), f"{pip}/pip", "--no-input", "--disable-pip-version-check", "--quiet"]
        options = [f"--find-links={folder}/wheels", *([] if lock["index"] else ["--no-index"])]
        if lock["constraints"]:
            (folder / "constraints.txt").write_text(lock["constraints"], encoding="utf-8")
            options.append(f"--constraint={folder}/constraints.txt")
        extras = f"[{','.join(lock['extras'])}]" if lock["extras"] else ""
        requirement = f"{folder}/wheels/{lock['wheel']}{extras}"
        self._run([*command, "install", *options, requirement], "pip cannot install the runtime there")
        installed = sorted(path.stem for path in folder.glob("lib/python*/site-packages/*.dist-info"))
        _write_json(folder / _COMPLETE, {"lock": lock, "installed": installed})
        return {"made": True}

    def release(
        self,
        id: str,
        files: dict[str, str],
        environment: str,
        record: dict[str, Any],
        signers: str | None,
    ) -> dict[str, Any]:
        """Puts a release together from files that are here, unless it is here.

        Args:
            id: Its folder's name.
            files: The bundle's files, name to digest.
            environment: See `environment`.
            record: What is remembered of it.
            signers: Text of a file of allowed signers, one of whom must have signed the bundle; None: nobody need have.
        """
        folder = self.root / "releases" / id
        work = self.root / "work" / id
        if (folder / _RECORD).is_file():
            return {"made": False}
        work.mkdir()
        self._linked_files(work / "bundle", files)
        (work / "environment").symlink_to(f"../../environments/{environment}")
        if signers is not None:
            (work / _SIGNERS).write_text(signers, encoding="utf-8")
            demanded = f"NUMBRE_ALLOWED_SIGNERS={self.root / 'current' / _SIGNERS}\n"
            (work / SERVICE_SETTINGS).write_text(demanded, encoding="utf-8")
        _write_json(work / _RECORD, {**record, "environment": environment})
        work.rename(folder)
        _sync(folder.parent)
        return {"made": True}

    def check(self, id: str, options: list[str]) -> dict[str, Any]:
        """Runs the release's checks in its own environment, see `numbre_runtime.deploy.release_check`."""
        found = self._load(self.root / "releases" / id, options)
        _write_json(
            self.root / "releases" / id / _QUESTIONS, {name: found.pop(name) for name in ("version", "questions")}
        )
        return {"figures": found}

    def switch(
        self,
        id: str,
        service: dict[str, Any] | None,
        served: dict[str, Any] | None,
        action: str,
        by: str,
        keep: int = 3,
    ) -> dict[str, Any]:
        """Makes a release current, and the current one previous; takes both back if the new one does not prove itself.

        Args:
            id: The release.
            service: The systemd unit to write and start; see `_start_service`.
            served: How the service that answers is asked; see `_confirm`.
            action: "deploy", "rollback" or "promote", for the history.
            by: Who does it, for the history.
            keep: Releases to keep besides the current and the previous one.
        """
        before = {name: self._linked(name) for name in _LINKS}
        switched = before["current"] != id
        # Whatever happens to the connection now, this step goes on to its end.
        for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM, signal.SIGINT):
            # Not SIG_IGN, which what is started from here would inherit.
            signal.signal(number, lambda *_: None)
        start = time.monotonic()
        if switched:
            self._write_history(action=action, id=id, before=before["current"], by=by, result="begun")
            _write_json(self.root / "unconfirmed", {"before": before, "id": id, "service": service})
            self._prepare_links("back", before)
            self._prepare_links("next", {"current": id, "previous": before["current"]})
            # The order: killed in between, the board still has the release that worked.
            self._take_links("next", ("previous", "current"))
        try:
            if service is not None:
                self._start_service(service, self._started_with(id) != self._started_with(before["current"]))
            self._confirm(id, served)
        except (RefusedByBoardError, OSError) as cause:
            reason = str(cause)
            if switched:
                self._take_back(id, before, service)
            self._write_history(action=action, id=id, before=before["current"], by=by, result=f"taken back: {reason}")
            return {"taken_back": reason, "current": self._linked("current"), "seconds": time.monotonic() - start}
        (self.root / "unconfirmed").unlink(missing_ok=True)
        known = self._served()
        asked = {"service": service or known["service"], "served": served or known["served"]}
        if asked != known:
            _write_json(self.root / _SERVED, asked)
        if switched:
            self._drop_links("back")
            self._write_history(action=action, id=id, before=before["current"], by=by, result="done")
            self._prune(keep)
        return {"taken_back": "", "current": id, "seconds": time.monotonic() - start}

    def rollback(self, by: str) -> dict[str, Any]:
        """Makes the previous release current again, with the service that was last asked for."""
        return self._switch_to("previous", "rollback", by)

    def promote(self, by: str) -> dict[str, Any]:
        """Makes the release that runs in the shadow the one that answers."""
        done = self._switch_to("shadow", "promote", by)
        if not done["taken_back"]:
            (self.root / "shadow").unlink()
        return done

    def shadow(self, id: str) -> dict[str, Any]:
        """Lets a release run beside the current one, where the service was started with `--shadow`."""
        self._prepare_links("next", {"shadow": id})
        self._take_links("next", ("shadow",))
        return {}

    def remove(self) -> dict[str, Any]:
        """Stops the service and removes the folder with everything in it."""
        if not (self.root / "releases").is_dir():
            return {"removed": False}
        service = self._served()["service"]
        if service is not None:
            self._remove_service(service["scope"], service["name"])
        for name in _LINKS:
            (self.root / name).unlink(missing_ok=True)
        _remove(self.root)
        return {"removed": True}

    def metrics(self, port: int) -> dict[str, Any]:
        """The service's /metrics, at most 1 MiB of it."""
        status, body = _ask("GET", port, "/metrics", None, 5.0)
        if status != 200:
            raise RefusedByBoardError(f"/metrics answers with status {status}")
        return {"text": body[: 1 << 20].decode(errors="replace")}

    # How they do it.

    def _switch_to(self, link: str, action: str, by: str) -> dict[str, Any]:
        target = self._linked(link)
        if target is None:
            raise RefusedByBoardError(f"no {link} release here")
        return self.switch(target, action=action, by=by, **self._served())

    def _served(self) -> dict[str, Any]:
        """The arguments `service` and `served` of the last switch."""
        try:
            found: dict[str, Any] = _read_json(self.root / _SERVED)
            return found
        except (OSError, ValueError):
            return {"service": None, "served": None}

    def _take_lock(self) -> None:
        # Not among the imports above: this file is read by machines that have no such module.
        import fcntl

        self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        end = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as cause:
                if time.monotonic() > end:
                    raise RefusedByBoardError("another deployment is at work on this board; wait for it") from cause
                time.sleep(_POLL_S)

    def _recover(self) -> str:
        """Takes back a switch that was interrupted before the new release had proved itself; says so."""
        unconfirmed = self.root / "unconfirmed"
        if not unconfirmed.is_file():
            return ""
        try:
            found = _read_json(unconfirmed)
            before = {name: found["before"][name] for name in _LINKS}
        except (KeyError, ValueError):
            # Killed while this file was written, the switch had not begun.
            unconfirmed.unlink()
            return ""
        self._take_back(found["id"], before, found["service"])
        self._write_history(action="recover", id=found["id"], before=before["current"], by="", result="taken back")
        return f"an interrupted switch to {found['id']} was taken back"

    def _prepare_links(self, ending: str, targets: dict[str, str | None]) -> None:
        """Makes links beside `current` and `previous`, so that replacing these needs no space on the disk."""
        for name, target in targets.items():
            path = self.root / f"{name}.{ending}"
            path.unlink(missing_ok=True)
            if target is not None:
                path.symlink_to(f"releases/{target}")
        _sync(self.root)

    def _take_links(self, ending: str, names: tuple[str, ...]) -> None:
        for name in names:
            path = self.root / f"{name}.{ending}"
            if path.is_symlink():
                path.rename(self.root / name)
        _sync(self.root)

    def _drop_links(self, ending: str) -> None:
        for name in (*_LINKS, "shadow"):
            (self.root / f"{name}.{ending}").unlink(missing_ok=True)

    def _take_back(self, id: str, before: dict[str, str | None], service: dict[str, Any] | None) -> None:
        """Lets `current` and `previous` lead where they led before the switch to a release."""
        for name, target in before.items():
            if target is None:
                (self.root / name).unlink(missing_ok=True)
            elif self._linked(name) != target:
                if not (self.root / f"{name}.back").is_symlink():
                    self._prepare_links("back", {name: target})
                self._take_links("back", (name,))
        self._drop_links("back")
        self._drop_links("next")
        if service is not None and before["current"] is not None:
            with suppress(RefusedByBoardError):
                self._start_service(service, self._started_with(id) != self._started_with(before["current"]))
        (self.root / "unconfirmed").unlink(missing_ok=True)

    def _linked(self, name: str) -> str | None:
        """The release that a link leads to; None if it leads to none that is complete."""
        try:
            target = (self.root / name).readlink().name
        except OSError:
            return None
        return target if (self.root / "releases" / target / _RECORD).is_file() else None

    def _environment(self, id: str | None) -> Any:
        return None if id is None else _read_json(self.root / "releases" / id / _RECORD)["environment"]

    def _started_with(self, id: str | None) -> tuple[Any, bool]:
        """What a service takes from a release only when it starts: its environment, and whether it has settings."""
        return self._environment(id), id is not None and (self.root / "releases" / id / SERVICE_SETTINGS).is_file()

    def _linked_files(self, folder: Path, files: dict[str, str]) -> list[Path]:
        """Makes a folder of files by their digests."""
        folder.mkdir(parents=True)
        paths = []
        for name, digest in files.items():
            stored = self.root / "files" / digest
            self._check_digest(stored, digest)
            try:
                os.link(stored, folder / name)
            except OSError:
                # A file system without hard links.
                shutil.copyfile(stored, folder / name)
            paths.append(folder / name)
        return paths

    def _check_digest(self, path: Path, digest: str) -> None:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != digest:
            path.unlink()
            raise RefusedByBoardError(f"{path.name}: arrived damaged or was altered, its SHA-256 is {found}; run again")

    def _run(self, command: list[str], complaint: str) -> str:
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        except OSError as cause:
            raise RefusedByBoardError(f"{complaint} ({command[0]}: {cause.strerror})") from cause
        if done.returncode:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise RefusedByBoardError(f"{complaint} ({lines[-1] if lines else f'exit code {done.returncode}'})")
        return done.stdout

    def _start_service(self, service: dict[str, Any], restart: bool) -> None:
        """Writes the unit files if they differ, and starts the service; restarts it where its programs are others.

        A new bundle alone needs no restart: the service notices where `current` leads.

        Args:
            service: "scope" user or system, "name", "units" file name to text.
            restart: Whether it has to start anew for the release, see `_started_with`.
        """
        scope, name = service["scope"], service["name"]
        folder, control, copy = _systemd(scope)
        changed = set()
        for file, text in service["units"].items():
            path = folder / file
            if path.is_file():
                found = path.read_text(encoding="utf-8")
                if not found.startswith(UNIT_MARK):
                    raise RefusedByBoardError(f"{path}: is not a unit of ours; move it away, or choose --service-name")
                if found == text:
                    continue
            draft = self.root / "work" / file
            draft.write_text(text, encoding="utf-8")
            self._run([*copy, "install", "-D", "-m", "644", str(draft), str(path)], "its unit cannot be written")
            changed.add(file)
        units = list(service["units"])
        if changed:
            self._run([*control, "daemon-reload"], "systemd does not answer")
        if f"{name}.socket" in changed:
            # A socket is not replaced while its service runs.
            self._run([*control, "stop", *units], "systemd cannot stop the service")
        self._run([*control, "enable", "--now", *units], "systemd cannot start the service")
        if f"{name}.socket" not in changed and (restart or changed):
            self._run([*control, "restart", f"{name}.service"], "systemd cannot start the service")
        if scope == "user":
            # So that it starts with the board, before anybody logs in; not every board lets its user do this.
            with suppress(OSError):
                subprocess.run(
                    ["loginctl", "enable-linger"], stdin=subprocess.DEVNULL, capture_output=True, check=False
                )

    def _remove_service(self, scope: str, name: str) -> None:
        folder, control, copy = _systemd(scope)
        for file in (f"{name}.socket", f"{name}.service"):
            path = folder / file
            if path.is_file() and path.read_text(encoding="utf-8").startswith(UNIT_MARK):
                self._run([*control, "disable", "--now", file], "systemd cannot stop the service")
                self._run([*copy, "rm", "-f", str(path)], "its unit cannot be removed")

    def _confirm(self, id: str, served: dict[str, Any] | None) -> None:
        """Makes sure that the current release answers as it should.

        Args:
            id: The release.
            served: "port", "model", "timeout" in seconds of a service on this board that serves `current`; None if
                there is none: the release is then loaded by its path through `current`.

        Raises:
            MissedByBoardError: It does not.
        """
        if served is None:
            self._load(self.root / "current", ["--golden-only"])
            return
        port, model = served["port"], served["model"]
        expected = _read_json(self.root / "releases" / id / _QUESTIONS)
        version = expected["version"]
        end, seen = time.monotonic() + served["timeout"], "does not answer"
        while True:
            with suppress(OSError, ValueError, http.client.HTTPException):
                status, body = _ask("GET", port, f"/v2/models/{model}", None, 2.0)
                found = json.loads(body)
                seen = f"status {status}" if status != 200 else f"serves version {found['versions'][0]}"
                if status == 200 and found["versions"] == [version]:
                    break
                _, body = _ask("GET", port, f"/v2/models/{model}/ready", None, 2.0)
                if json.loads(body).get("reload_failed"):
                    raise MissedByBoardError(f"the service at port {port} refuses the new bundle")
            if time.monotonic() > end:
                late = f"is not ready with {model} {version} within {served['timeout']:g} s: it {seen}"
                raise MissedByBoardError(f"the service at port {port} {late}")
            time.sleep(_POLL_S)
        for question in expected["questions"]:
            status, body = _ask(
                "POST", port, f"/v2/models/{model}/infer", json.dumps(question["request"]).encode(), 5.0
            )
            labels = [output["data"] for output in json.loads(body).get("outputs", []) if output["name"] == "label"]
            if status != 200 or labels != [[question["label"]]]:
                answer = labels or f"status {status}"
                raise MissedByBoardError(f"the service answers {answer} to a golden vector, not {question['label']!r}")

    def _load(self, release: Path, options: list[str]) -> dict[str, Any]:
        """Loads a release as a service would; see `numbre_runtime.deploy.release_check`.

        Raises:
            MissedByBoardError: It fails a check.
        """
        program = [str(release / "environment/bin/python"), "-m", "numbre_runtime.deploy.release_check"]
        signers = release / _SIGNERS
        demanded = {"NUMBRE_ALLOWED_SIGNERS": str(signers)} if signers.is_file() else {}
        done = subprocess.run(
            [*program, str(release / "bundle"), *options],
            env={**os.environ, **demanded},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise MissedByBoardError(lines[-1] if lines else f"its check ended with exit code {done.returncode}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def _prune(self, keep: int) -> None:
        """Removes all but the current, the previous and the newest releases, and what no release needs any more."""
        kept = {self._linked(name) for name in (*_LINKS, "shadow")}
        releases = sorted((self.root / "releases").iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        others = [path for path in releases if path.name not in kept]
        for path in others[keep:]:
            _remove(path)
        needed = {self._environment(path.name) for path in (self.root / "releases").iterdir()}
        for path in (self.root / "environments").iterdir():
            if path.name not in needed:
                _remove(path)
        linked = {
            path.stat().st_ino
            for folder in ("releases/*/bundle", "environments/*/wheels")
            for path in self.root.glob(f"{folder}/*")
        }
        for path in (self.root / "files").iterdir():
            if path.stat().st_ino not in linked:
                path.unlink()

    def _write_history(self, **entry: Any) -> None:
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **entry}) + "\n"
        # A full disk must not stop a way back.
        with suppress(OSError), (self.root / "history.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line)


def _systemd(scope: str) -> tuple[Path, list[str], list[str]]:
    """Where the unit files are, how systemctl is called, and what stands before a command that writes there."""
    if scope == "user":
        os.environ.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd/user"
        return folder, ["systemctl", "--user"], []
    sudo = [] if os.getuid() == 0 else ["sudo", "-n"]
    return Path("/etc/systemd/system"), [*sudo, "systemctl"], sudo


def _ask(method: str, port: int, path: str, body: bytes | None, timeout: float) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, response.read(4 << 20)
    finally:
        connection.close()


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write_json(path: Path, value: Any) -> None:
    """Writes a file all or nothing."""
    draft = path.with_name(f".{path.name}.new")
    with draft.open("w", encoding="utf-8") as stream:
        json.dump(value, stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(path)


def _sync(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        # Renamed first where it can be seen as complete, so that a half removed one never is.
        for name in (_RECORD, _COMPLETE):
            (path / name).unlink(missing_ok=True)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _say(answer: dict[str, Any]) -> None:
    # After the connection has gone nobody reads it.
    with suppress(OSError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def serve_requests(folder: str, requests: BinaryIO) -> None:
    """Answers requests until the connection ends."""
    board = BoardFolder(folder)
    hello = {
        "protocol": PROTOCOL,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "bits": 64 if sys.maxsize > 1 << 32 else 32,
        "glibc": platform.libc_ver()[1],
        "folder": str(board.root),
        "user": os.getuid(),
    }
    sys.stdout.write(MARK + json.dumps(hello) + "\n")
    sys.stdout.flush()
    for line in iter(requests.readline, b""):
        arguments: dict[str, Any] = json.loads(line)
        verb = arguments.pop("verb")
        step: Callable[..., dict[str, Any]] = getattr(board, verb)
        if verb == "receive":
            arguments["payload"] = requests
        try:
            _say({"done": step(**arguments)})
        except MissedByBoardError as cause:
            _say({"missed": str(cause)})
        except RefusedByBoardError as cause:
            _say({"refused": str(cause)})
        except ConnectionError:
            return
        except OSError as cause:
            _say({"refused": f"{verb}: {cause.filename or board.root}: {cause.strerror or cause}"})
            if verb == "receive":
                # The rest of the file is still on its way; no request can be told from it.
                return
