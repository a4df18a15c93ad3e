"""A PostgreSQL of the tests' own, from Debian's package: on loopback, with passwords, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg

PASSWORD = "canary@postgres/password:é#7d"
_DATABASES = count(1)


@dataclass(frozen=True)
class Server:
    """A running server."""

    folder: Path
    port: int

    def url(self, database: str, *, password: str = PASSWORD, port: int | None = None) -> str:
        """The URL of a database, as an operator would write it."""
        return f"postgresql://cemops:{quote(password, safe='')}@127.0.0.1:{port or self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database and return its name."""
        name = f"estate{next(_DATABASES)}"
        self.run(f"CREATE DATABASE {name}")
        return name

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the server's owner."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def server_running() -> Iterator[Server]:
    """Make a cluster and run it; the server never runs as root, and would refuse to."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folder = Path(tempfile.mkdtemp(prefix="cemops-postgresql-"))
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    try:
        secret = folder / "password"
        secret.write_text(PASSWORD + "\n", "utf-8")
        for path in (folder, secret):
            os.chown(path, account.pw_uid, account.pw_gid)

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [programs / program, "-D", folder / "data", *arguments],
                user=account.pw_uid,
                group=account.pw_gid,
                extra_groups=[],
                cwd="/",
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=True,
                timeout=120,
            )

        run("initdb", "-A", "scram-sha-256", "-U", "cemops", "--pwfile", str(secret), "--no-sync", "-E", "UTF8")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-w", "-t", "60", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield Server(folder, port)
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
