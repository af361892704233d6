"""The example of an endpoint: each request is answered for the asker that the proxy names, by a role of readers."""

from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from hr_sync.cancellation import Cancellation
from hr_sync.derive.texts import derive_texts
from hr_sync.store.engine import make_engine as make_worker_engine
from hr_sync.store.store import Store
from tests.store.test_roles import Installed, installed

pytest.importorskip("fastapi", reason="fastapi is in the group of tests of pyproject.toml")

from fastapi.testclient import TestClient

from examples.fastapi.app import make_app, make_engine

__all__ = ["installed"]  # a fixture
SECRET = "a-secret-of-the-proxy"


@pytest.fixture
def client(installed: Installed) -> Iterator[TestClient]:
    """Open to all is page 1; 2 to 4 are Ann's."""
    worker = make_worker_engine(installed.url("hr_worker"))
    derive_texts(Store(worker), Cancellation(), section_size=2000)
    worker.dispose()
    engine = make_engine(make_url(installed.url("hr_reader")).render_as_string(hide_password=False))
    with TestClient(make_app(engine, SECRET)) as opened:
        yield opened
    engine.dispose()


def titles(client: TestClient, **headers: str) -> list[str]:
    """Return the titles that an asker finds."""
    answer = client.get("/search", params={"q": "page"}, headers={"X-Proxy-Secret": SECRET} | headers)
    assert answer.status_code == 200, answer.text
    return sorted(found["title"] for found in answer.json())


def test_each_asker_finds_what_he_may_read(client: TestClient) -> None:
    """By the header of the proxy alone; each request has its own session and its own asker."""
    for _ in range(2):
        assert titles(client, **{"X-Asker-Id": "bob"}) == ["Page 1"]
        assert titles(client, **{"X-Asker-Id": "ann", "X-Asker-Groups": ""}) == [f"Page {n}" for n in range(1, 5)]
        assert titles(client, **{"X-Asker-Id": "bob", "X-Asker-Groups": "ann, u:ann"}) == ["Page 1"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Asker-Id": "ann"},
        {"X-Asker-Id": "ann", "X-Proxy-Secret": "guessed"},
        {"X-Asker-Id": "ann", "X-Proxy-Secret": ""},
        {"X-Proxy-Secret": SECRET},
        {"X-Proxy-Secret": SECRET, "X-Asker-Id": ""},
    ],
)
def test_whoever_the_proxy_does_not_name_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    """Without its secret, and without an asker: nobody in particular is somebody here."""
    assert client.get("/search", params={"q": "page"}, headers=headers).status_code == 401


@pytest.mark.parametrize("words", ["\0", "' OR 1=1 --", "((( & | !", "x" * 1000, "%00%s", "the"])
def test_odd_words_are_no_error(client: TestClient, words: str) -> None:
    """They find nothing."""
    headers = {"X-Proxy-Secret": SECRET, "X-Asker-Id": "ann"}
    answer = client.get("/search", params={"q": words}, headers=headers)
    assert (answer.status_code, answer.json()) == (200, [])


def test_limits_are_checked(client: TestClient) -> None:
    """Before the database is asked."""
    headers = {"X-Proxy-Secret": SECRET, "X-Asker-Id": "ann"}
    for values in ({"q": ""}, {"q": "x" * 1001}, {"q": "page", "limit": "0"}, {"q": "page", "limit": "51"}, {}):
        assert client.get("/search", params=values, headers=headers).status_code == 422
    assert len(client.get("/search", params={"q": "page", "limit": "2"}, headers=headers).json()) == 2


def test_a_database_that_is_away_is_503() -> None:
    """Without a word about it."""
    engine = make_engine("postgresql+psycopg://me:secret@127.0.0.1:9/nothing")
    with TestClient(make_app(engine, SECRET)) as client:
        answer = client.get("/search", params={"q": "page"}, headers={"X-Proxy-Secret": SECRET, "X-Asker-Id": "ann"})
    assert (answer.status_code, answer.json()) == (503, {"detail": "The search is not available now."})


def test_a_secret_that_is_short_is_refused() -> None:
    """At the start."""
    with pytest.raises(ValueError, match="at least 16 characters"):
        make_app(make_engine("postgresql+psycopg://me@127.0.0.1:9/nothing"), "short")
