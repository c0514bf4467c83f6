"""The systemd units of `numbre-serve` on a board."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from numbre_runtime.deploy.board_script import SERVICE_SETTINGS, UNIT_MARK
from numbre_runtime.deploy.board_session import BoardFacts
from numbre_runtime.errors import DataError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_PATH = re.compile(r"/[A-Za-z0-9_./@+-]*")
"""What needs no quoting in a unit file (systemd.syntax, systemd.service)."""

_SANDBOX = """NoNewPrivileges=yes
CapabilityBoundingSet=
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077
"""
"""@resources stays, because the trial of a model file sets limits; /proc too, because engines read /proc/cpuinfo."""
_SCOPES = {
    # A user's service manager has no privileges; in a namespace of users it can confine all the same.
    "user": "PrivateUsers=yes\n",
    "system": "DevicePolicy=closed\nProtectProc=invisible\nRemoveIPC=yes\n",
}


class ServiceUnit(NamedTuple):
    """The service to write and start on a board."""

    scope: str
    """"user": of the user's own manager, without root; "system": of the system's, by root or sudo."""
    name: str = "numbre"
    """The unit's name."""
    port: int = 8000
    """Where it listens."""
    address: str = "127.0.0.1"
    """The address that it listens at; "0.0.0.0" for all."""
    model: str = ""
    """The name that requests use; empty for the bundle's own."""

    def to_json(self, facts: BoardFacts, bundle: str) -> dict[str, Any]:
        """What `board_script.BoardFolder.switch` takes.

        Args:
            facts: The board.
            bundle: The bundle's name, which the model gets where this service names none.

        Raises:
            DataError: A name or a folder cannot stand in a unit file.
        """
        units = {f"{self.name}.socket": self._socket(), f"{self.name}.service": self._service(facts, bundle)}
        return {"scope": self.scope, "name": self.name, "units": units}

    def _socket(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return (
            f"{UNIT_MARK}; numbre-deploy writes it again.\n[Unit]\nDescription=Socket of NUMBRE\n\n"
            f"[Socket]\nListenStream={address}:{self.port}\nBacklog=1024\n\n[Install]\nWantedBy=sockets.target\n"
        )

    def _service(self, facts: BoardFacts, bundle: str) -> str:
        model, folder = self.model or bundle, PurePosixPath(facts.folder)
        if not _NAME.fullmatch(model) or not _NAME.fullmatch(self.name):
            raise DataError(f"a service of the name {model!r:.70}; expected letters, digits, '.', '_' and '-'")
        if not _PATH.fullmatch(facts.folder):
            raise DataError(
                f"{facts.folder!r:.200}: its characters cannot stand in a unit file; choose another --folder"
            )
        current = folder / "current"
        identity = f"User={facts.user}\n" if self.scope == "system" else ""
        bundles = f"--bundle {model}={current}/bundle --shadow {model}={folder}/shadow/bundle"
        start = f"{current}/environment/bin/numbre-serve {bundles}"
        # The socket outlives a restart of the service: what comes in between waits there and is answered.
        return (
            f"{UNIT_MARK}; numbre-deploy writes it again.\n[Unit]\nDescription=NUMBRE answers over HTTP\n"
            f"Requires={self.name}.socket\nAfter={self.name}.socket\n\n"
            f"[Service]\n{identity}ExecStart={start} --host {self.address} --port {self.port}\n"
            f"ExecReload=/bin/kill -HUP $MAINPID\nRestart=on-failure\nRestartSec=2\n"
            f"CacheDirectory={self.name}\nEnvironment=NUMBRE_CACHE_DIR=%C/{self.name}\nEnvironment=PYTHONUNBUFFERED=1\n"
            f"EnvironmentFile=-{current}/{SERVICE_SETTINGS}\n"
            f"{_SANDBOX}{_SCOPES[self.scope]}"
            f"\n[Install]\nWantedBy={'default.target' if self.scope == 'user' else 'multi-user.target'}\n"
        )
