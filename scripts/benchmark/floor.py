"""The floor: what the wire, the processor and PostgreSQL take for the same pages when nothing else is done.

Fetches lists with bodies by libcurl, one chain of requests per space and at most CONNECTIONS under way, parses them and
takes the SHA-256 of each body; then puts the same rows into two bare tables by COPY. Prints the seconds of both, as
JSON. Takes from the environment what `tutorial.py` takes, and CONNECTIONS.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any, TypeAlias
from urllib.parse import urljoin

import orjson
import psycopg
import pycurl

Row: TypeAlias = tuple[str, str, str, int, str, str, str]
Json: TypeAlias = dict[str, Any]

OK = 200
LISTING = "/api/v2/spaces/{}/pages?limit=250&sort=id&status=current&body-format=storage"
TABLES = """
create table floor_pages (id text primary key, title text, space_id text, version int, updated text, hash text);
create table floor_bodies (page_id text primary key, storage text);
"""


class Client:
    """A few connections, each busy with one answer at a time."""

    def __init__(self, site: str, account: str, connections: int) -> None:
        self._site = site
        self._multi = pycurl.CurlMulti()
        self._idle = [pycurl.Curl() for _ in range(connections)]
        for curl in self._idle:
            curl.setopt(pycurl.USERPWD, account)
            curl.setopt(pycurl.ACCEPT_ENCODING, "gzip")
            curl.setopt(pycurl.BUFFERSIZE, 1 << 19)

    def walk(self, *paths: str) -> Iterator[Json]:
        """Follow several listings at once, each from link to link, and yield their results."""
        waiting = [self._site + path for path in reversed(paths)]
        running: dict[pycurl.Curl, bytearray] = {}
        while waiting or running:
            while waiting and self._idle:
                curl = self._idle.pop()
                running[curl] = self._begin(curl, waiting.pop())
            for curl in self._finished():
                answer = orjson.loads(running.pop(curl))
                self._idle.append(curl)
                if link := answer["_links"].get("next"):
                    waiting.append(urljoin(self._site, link))
                yield from answer["results"]

    def _begin(self, curl: pycurl.Curl, url: str) -> bytearray:
        buffer = bytearray()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.WRITEFUNCTION, buffer.extend)
        self._multi.add_handle(curl)
        return buffer

    def _finished(self) -> list[pycurl.Curl]:
        while self._multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
            pass
        _, done, failed = self._multi.info_read()
        if failed:
            raise RuntimeError(f"the floor's client failed: {failed[0][2]}")
        if not done:
            self._multi.select(1.0)
        for curl in done:
            self._multi.remove_handle(curl)
            if (status := curl.getinfo(pycurl.RESPONSE_CODE)) != OK:
                raise RuntimeError(f"the floor's client got status {status}")
        return list(done)


def row(page: Json) -> Row:
    """Return the columns of one page, its hash among them."""
    storage = page["body"]["storage"]["value"]
    digest = hashlib.sha256(storage.encode()).hexdigest()
    version = page["version"]
    return page["id"], page["title"], page["spaceId"], version["number"], version["createdAt"], digest, storage


def copy(rows: list[Row], url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(TABLES)
        with connection.cursor().copy("copy floor_pages from stdin") as pages:
            for *head, _ in rows:
                pages.write_row(head)
        with connection.cursor().copy("copy floor_bodies from stdin") as bodies:
            for each in rows:
                bodies.write_row((each[0], each[-1]))


def main() -> None:
    account = f"{os.environ['USERNAME']}:{os.environ['TOKEN']}"
    client = Client(os.environ["SITE"], account, int(os.environ["CONNECTIONS"]))
    began = time.perf_counter()
    spaces = list(client.walk("/api/v2/spaces?limit=250"))
    rows = [row(page) for page in client.walk(*(LISTING.format(space["id"]) for space in spaces))]
    fetched = time.perf_counter()
    copy(rows, os.environ["DATABASE_URL"])
    print(json.dumps({"pages": len(rows), "fetch": fetched - began, "copy": time.perf_counter() - fetched}))


if __name__ == "__main__":
    main()
