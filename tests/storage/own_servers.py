"""A database server of the test's own: it may be killed, starved and started again, and no other test notices."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

PROGRAMS = {
    "postgresql": ("initdb", "postgres"),
    "mariadb": ("mariadb-install-db", "mariadbd"),
}


def found(kind):
    """Return the paths of a server's two programs; skip where they are not installed, but fail in CI."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    paths = [shutil.which(name, path=os.pathsep.join(folders)) for name in PROGRAMS[kind]]
    if None in paths:
        reason = f"no {' and no '.join(PROGRAMS[kind])} on this machine, so no {kind} server can be killed"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    return paths


def owner(kind):
    """Return who the server runs as: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}, None
    for name in ("postgres" if kind == "postgresql" else "mysql", "nobody"):
        with suppress(KeyError):
            who = pwd.getpwnam(name)
            return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}, who
    raise AssertionError("root has no other user to run a server as")


class OwnServer:
    """One server with its data in a folder; `start`, `kill` and `starve` it."""

    def __init__(self, kind, folder):
        self.kind = kind
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.install, self.program = found(kind)
        self.options, self.who = owner(kind)
        if self.who is not None:
            os.chown(folder, self.who.pw_uid, self.who.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = None
        self.log = (self.folder / "log").open("ab")

    def url(self, port=None, database="test"):
        driver, user = ("postgresql+psycopg", "test") if self.kind == "postgresql" else ("mysql+pymysql", "test")
        return sa.URL.create(driver, user, host="127.0.0.1", port=port or self.port, database=database)

    def make(self, *more):
        """Make the folder of data, a user without a password and an empty database."""
        if self.kind == "postgresql":
            command = [
                self.install,
                "-D",
                self.data,
                "-U",
                "test",
                "-A",
                "trust",
                "-N",
                "--wal-segsize=1",
                "-E",
                "UTF8",
            ]
        else:
            command = [self.install, "--no-defaults", f"--datadir={self.data}", "--skip-test-db", *SMALL, *more]
            command += ["--auth-root-authentication-method=normal", "--skip-name-resolve"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, **self.options)
        assert done.returncode == 0, done.stdout + done.stderr
        self.start(*more)
        first = self.url(database="postgres" if self.kind == "postgresql" else "mysql")
        engine = sa.create_engine(first.set(username="test" if self.kind == "postgresql" else "root"))
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE test")
            if self.kind == "mariadb":
                connection.exec_driver_sql("CREATE USER test@'127.0.0.1'")
                connection.exec_driver_sql("GRANT ALL ON *.* TO test@'127.0.0.1'")
        engine.dispose()

    def start(self, *more):
        """Start the server and wait until it answers."""
        place = [f"--port={self.port}"]
        if self.kind == "postgresql":
            # Without fsync a killed server loses nothing: what it has written, the system holds.
            command = [self.program, "-D", self.data, *place, "--listen_addresses=127.0.0.1"]
            command += ["--unix_socket_directories=", "--fsync=off", *more]
        else:
            command = [self.program, "--no-defaults", f"--datadir={self.data}", "--bind-address=127.0.0.1", *place]
            command += [f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid", *SMALL, *more]
        # SIGXFSZ stays ignored, as Python has it: a write beyond the limit is an error then, not the end.
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdout=self.log, stderr=self.log, restore_signals=False, **self.options
        )
        self.again = more
        self.wait()

    def wait(self):
        """Wait until the server takes connections."""
        database = "postgres" if self.kind == "postgresql" else "mysql"
        url = self.url(database=database)
        engine = sa.create_engine(url if self.kind == "postgresql" else url.set(username="root"))
        end = time.monotonic() + 60
        while True:
            try:
                engine.connect().close()
            except sa.exc.DBAPIError:
                assert self.process.poll() is None, (self.folder / "log").read_text(errors="replace")[-4_000:]
                assert time.monotonic() < end, "the server did not answer in 60 s"
                time.sleep(0.02)
            else:
                engine.dispose()
                return

    def kill(self):
        """End the server at once: PostgreSQL as `pg_ctl stop -m immediate` does, MariaDB by SIGKILL."""
        self.process.send_signal(signal.SIGQUIT if self.kind == "postgresql" else signal.SIGKILL)
        self.process.wait(60)

    def restart(self):
        """Kill the server and start it again, as it was."""
        self.kill()
        self.start(*self.again)

    def starve(self, size):
        """Let no file of the server grow beyond `size` bytes, None for any size: what is open stays open."""
        soft = "unlimited" if size is None else str(size)
        for pid in (self.process.pid, *children(self.process.pid)):
            # Asked as the server's own user: not even root may do it to another's process in every container.
            subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={soft}:"], check=True, **self.options)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.log.close()


# MariaDB's files of a fresh start, small: the test makes and recovers them many times.
SMALL = ["--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M", "--innodb-undo-tablespaces=0", "--skip-log-bin"]


def children(pid):
    """Return the processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def own_server(kind, *more, folder=None):
    """Yield a running server of the test's own, with more options if need be; end it and forget its data afterwards."""
    with tempfile.TemporaryDirectory(prefix="pycrm-") as scratch:
        server = OwnServer(kind, folder or scratch)
        try:
            server.make(*more)
            yield server
        finally:
            server.close()


class Wire:
    """What lies between a client and its server: it sees COMMIT go by, and may call `before` or `after` it.

    `after` is called when the server has answered; if it returns True, the client never hears the answer.
    """

    def __init__(self, port):
        self.port = port
        self.before = self.after = None
        self.turn = threading.Lock()  # nobody hears of a killed server before it is back
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own_port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.port))
                except OSError:
                    client.close()
                    continue
                commits = threading.Event()
                threading.Thread(target=self._pass, args=(client, server, commits, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, commits, False), daemon=True).start()

    def _pass(self, source, target, commits, asking):
        try:
            while data := source.recv(65_536):
                if asking and b"COMMIT" in data:
                    commits.set()
                    with self.turn:
                        if self.before is not None:
                            self.before()
                elif not asking and commits.is_set():
                    commits.clear()
                    with self.turn:
                        if self.after is not None and self.after():
                            return
                target.sendall(data)
        except OSError:
            pass  # one end is gone; the other hears of it below
        finally:
            with self.turn:
                pass
            for end in (source, target):  # closing alone would not wake the thread that reads it
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def close(self):
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
