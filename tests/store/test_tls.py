"""No password and no page goes unencrypted over a network, and no server that proves nothing gets the password."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from hr_sync.errors import ConfigurationError
from hr_sync.store.engine import make_engine
from hr_sync.store.tls import tls_args

SCRAM = {"require_auth": "scram-sha-256"}
ASKS_IN_CLEAR = b"R" + (8).to_bytes(4) + (3).to_bytes(4)


@pytest.fixture(autouse=True)
def no_settings_of_libpq(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may have settings of his own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGHOST", "PGHOSTADDR", "PGSSLMODE", "PGSSLROOTCERT", "PGREQUIREAUTH", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db.example.com/hr", {"sslmode": "verify-full", "sslrootcert": "system"}),
        ("postgresql://u:p@10.0.0.1/hr", {"sslmode": "verify-full", "sslrootcert": "system"}),
        ("postgresql://u:p@/hr?host=localhost,db.example.com", {"sslmode": "verify-full", "sslrootcert": "system"}),
        ("postgresql://u:p@db/hr?sslrootcert=/ca.pem", {"sslmode": "verify-full"}),
        ("postgresql://u:p@db/hr?sslmode=verify-ca", {}),
        ("postgresql://u:p@db/hr?sslmode=require", SCRAM),
        ("postgresql://u:p@127.0.0.1/hr", SCRAM),
        ("postgresql://u:p@[::1]/hr", SCRAM),
        ("postgresql://u:p@localhost/hr?require_auth=md5", {}),
        ("postgresql://u@localhost/hr", {"require_auth": "scram-sha-256,none"}),
        ("postgresql://u:p@/hr", {}),
        ("postgresql://u:p@/hr?host=/run/postgresql", {}),
    ],
)
def test_the_server_decides_what_is_asked_of_the_connection(url: str, expected: dict[str, str]) -> None:
    """Another machine proves itself by its certificate, this machine's TCP by SCRAM, a socket by its folder."""
    assert tls_args(make_url(url), allow_plaintext=False) == expected


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_plaintext_to_another_machine_must_be_allowed(mode: str) -> None:
    """The message names the setting; where it is set, the server still proves that it knows the password."""
    url = make_url(f"postgresql://u:hunter2@db.example.com/hr?sslmode={mode}")
    with pytest.raises(ConfigurationError, match=r"database\.allow_plaintext") as caught:
        make_engine(url)

    assert "hunter2" not in str(caught.value)
    assert tls_args(url, allow_plaintext=True) == SCRAM
    assert tls_args(make_url("postgresql://u:p@db.example.com/hr"), allow_plaintext=True) == SCRAM


def test_libpqs_own_settings_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A host in the environment is another machine too; a root certificate in the usual place is used."""
    monkeypatch.setenv("PGHOST", "db.example.com")
    assert tls_args(make_url("postgresql:///hr"), allow_plaintext=False)["sslmode"] == "verify-full"
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").touch()
    assert tls_args(make_url("postgresql:///hr"), allow_plaintext=False) == {"sslmode": "verify-full"}
    monkeypatch.setenv("PGSSLMODE", "verify-ca")
    assert tls_args(make_url("postgresql:///hr"), allow_plaintext=False) == {}


def test_a_server_that_asks_for_the_password_in_clear_does_not_get_it() -> None:
    """Somebody else listens on the port of a PostgreSQL on this machine."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _address = listener.accept()
                    with connection:
                        while (data := connection.recv(1024)) and data[:1] != b"p":  # p: a password
                            heard.append(data)
                            connection.sendall(b"N" if len(data) == 8 else ASKS_IN_CLEAR)
                        heard.append(data)

        threading.Thread(target=serve, daemon=True).start()
        engine = make_engine(f"postgresql://u:hunter2@127.0.0.1:{listener.getsockname()[1]}/hr")
        with pytest.raises(OperationalError, match="auth"), engine.connect():
            pass

    assert heard
    assert not any(b"hunter2" in data for data in heard)


def test_this_libpq_knows_the_parameters(prepared_url: str) -> None:
    """They are not sent in vain: the library that comes with the driver refuses what it does not know."""
    with pytest.raises(psycopg.ProgrammingError, match="no_such_parameter"):
        psycopg.connect(prepared_url.replace("+psycopg", "") + "&no_such_parameter=1")
    engine = make_engine(prepared_url)
    with engine.connect() as connection:
        parameters = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr] # psycopg's
    engine.dispose()
    assert parameters["require_auth"] == "scram-sha-256"
