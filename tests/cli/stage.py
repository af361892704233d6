"""Where typical mistakes are made: a site, a complete mirror of it, and servers that misbehave. Shared by all rows."""

import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
from confluence_simulator import Simulator
from sqlalchemy import URL, make_url

from tests.cli.conftest import world_of
from tests.cli.forking import Forking
from tests.cli.program import TOKEN, postgres, settings, written


@dataclass(kw_only=True)
class Stage:
    """What every row may use: a site with twelve pages, a complete mirror of it, and servers that misbehave."""

    forking: Forking
    site: Simulator
    url: URL  #: of the mirror, as its owner
    silent: int  #: port that takes connections and never answers
    resets: int  #: port that closes every connection
    moved: int  #: port of a site that redirects
    plain: int  #: port of a server that answers everything with an error of HTTP
    tls: int  #: port of a server that speaks TLS, with a certificate that nobody knows

    @property
    def origin(self) -> str:
        """Return the site's address without its context path."""
        return self.site.site_url.removesuffix("/wiki")

    def database(self, **changes: Any) -> str:
        """Return the mirror's URL with other parts, as people write it."""
        return postgres(self.url.set(**changes).render_as_string(hide_password=False))

    def address(self, authority: str, name: str | None = None) -> str:
        """Return a URL with another authority; nothing in it is escaped."""
        return f"postgresql://{authority}@127.0.0.1:{self.url.port}/{name or self.url.database}"


@contextmanager
def set_stage(server: str, template: str, make_folder: Callable[[str], Path]) -> Iterator[Stage]:
    """Make everything; `template` is a database with our tables."""
    with ExitStack() as stack:
        forks = Forking()
        site = stack.enter_context(Simulator(world_of(12), api_token=TOKEN))
        url = make_url(server).set(database=copy_of(server, template))
        home = make_folder("mirrored")
        written(home, settings(site.site_url, url.render_as_string(hide_password=False)))
        assert forks.run(home, "run").exit_code == 0
        yield Stage(
            forking=forks,
            site=site,
            url=url,
            silent=stack.enter_context(listening(lambda connection: connection.recv(1 << 16) and connection.recv(1))),
            resets=stack.enter_context(listening(lambda _: None)),
            moved=stack.enter_context(redirecting(site)),
            plain=stack.enter_context(
                listening(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
            ),
            tls=stack.enter_context(listening(lambda connection: connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46"))),
        )


def copy_of(server: str, template: str) -> str:
    """Copy a database that nobody is connected to. Return the copy's name."""
    name = f"test_{uuid.uuid4().hex}"
    on_server(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return name


def on_server(url: str, statements: str) -> None:
    """Execute statements, each in a transaction of its own."""
    with psycopg.connect(postgres(url), autocommit=True) as connection:
        for statement in statements.split(";\n"):
            connection.execute(statement.encode())


@contextmanager
def listening(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """Take connections on a free port, and close each after `answer`. Yield the port."""
    ending = threading.Event()
    threads = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def one(connection: socket.socket) -> None:
            connection.settimeout(30)
            with connection, suppress(OSError):
                answer(connection)

        def serve() -> None:
            while not ending.is_set():
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=one, args=(connection,), daemon=True))
                threads[-1].start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        ending.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join()


@contextmanager
def redirecting(site: Simulator) -> Iterator[int]:
    """Answer by redirects, as a site that moved, or one that wants a login, does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, path = self.path[1:].partition("/")
            status, target = {
                "moved": (301, f"{site.site_url}/{path}"),
                "login": (302, f"https://id.example.com/login?continue={path}&ticket=canary"),
                "renamed": (302, f"https://new.example.com/{path}"),
                "nowhere": (302, ""),
            }[kind]
            self.send_response(status)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def copies(stage: Stage, server: str) -> Iterator[Callable[[str], Stage]]:
    """Yield a function that copies the mirror, executes SQL in the copy, and returns the stage with it."""
    names: list[str] = []

    def copy(sql: str) -> Stage:
        names.append(copy_of(server, str(stage.url.database)))
        url = stage.url.set(database=names[-1])
        on_server(url.render_as_string(hide_password=False), sql.replace("{db}", names[-1]))
        return replace(stage, url=url)

    yield copy
    for name in names:
        on_server(server, f"DROP DATABASE {name} WITH (FORCE)")
