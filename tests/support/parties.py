"""Partners of the simulated gateway: registered, with credentials in a folder."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.client import AsyncSluis, Credentials, Retrying, credentials
from tests.support.gateway_simulator import GatewaySimulator

QUICK = Retrying(attempts=4, first=0.001, longest=0.01)
"""Repeats as in earnest, without the waits."""

SLUIS = [sys.executable, "-c", "import gateway.cli; raise SystemExit(gateway.cli.main())"]
"""The command line as a process of its own."""


@dataclass
class World:
    """A simulated gateway that serves, and a home with the credentials of two partners."""

    simulator: GatewaySimulator
    home: Path
    folder: Path

    def delivery(self, name: str = "levering.csv", households: int = 3) -> Path:
        """Of each three: one good, one held without birth date, one refused."""
        kinds = ["1980;participatiewet;ja", ";participatiewet;", "1980;geen;ja"]
        rows = [f"DWI-{n};2013-12-31;999990019;{kinds[n % 3]}" for n in range(households)]
        header = "kenmerk;aangemeld_op;bsn;geboortedatum;grondslag;instemming"
        path = self.folder / name
        path.write_text("\n".join([header, *rows, ""]))
        return path


def registered(simulator: GatewaySimulator, home: Path, partner: str) -> Credentials:
    """A partner that the gateway knows, with its credentials under `home`."""
    folder = home / "partners" / partner
    public = credentials.create(folder, partner=partner, base_url=simulator.base_url)
    simulator.register(partner, public.pem)
    return credentials.load(folder)


def in_process(simulator: GatewaySimulator, credentials: Credentials) -> AsyncSluis:
    """A client that reaches the simulator without a socket."""
    road = httpx.ASGITransport(app=simulator.network)
    return AsyncSluis(credentials, retrying=QUICK, road=road)
