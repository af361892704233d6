"""A bare worker: the least that brings pages with their bodies into one table, and nothing that makes it right.

A thread for each space follows its list of 250 pages with bodies; the main thread hashes and writes them, 500 at a
time, by `executemany`. No failure is handled, nothing is compared, removed, or read of who may see a page. Takes from
the environment what `floor.py` takes.
"""

import hashlib
import os
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, TypeAlias
from urllib.parse import urljoin

import orjson
import psycopg
import urllib3

Json: TypeAlias = dict[str, Any]

OK = 200
PAGES_PER_WRITE = 500
SPACES = "/api/v2/spaces?limit=250"
LISTING = "/api/v2/spaces/{}/pages?limit=250&status=current&body-format=storage"
TABLE = """
create table bare_pages (
    id text primary key, title text, space_id text, version int, updated text, hash text, storage text
)"""
UPSERT = """
insert into bare_pages values (%s, %s, %s, %s, %s, %s, %s)
on conflict (id) do update set title = excluded.title, space_id = excluded.space_id, version = excluded.version,
    updated = excluded.updated, hash = excluded.hash, storage = excluded.storage"""


class Client:
    """Follows lists from link to link."""

    def __init__(self, site: str, account: str, connections: int) -> None:
        self._site = site
        self._headers = urllib3.make_headers(basic_auth=account, accept_encoding="gzip")
        self._pool = urllib3.PoolManager(maxsize=connections)

    def walk(self, path: str) -> Iterator[list[Json]]:
        """Yield the results of each answer."""
        url: str | None = self._site + path
        while url:
            answer = self._pool.request("GET", url, headers=self._headers)
            if answer.status != OK:
                raise RuntimeError(f"the bare worker got status {answer.status}")
            content = orjson.loads(answer.data)
            yield content["results"]
            link = content["_links"].get("next")
            url = urljoin(self._site, link) if link else None


def row(page: Json) -> tuple[Any, ...]:
    """Return the columns of one page."""
    storage, version = page["body"]["storage"]["value"], page["version"]
    digest = hashlib.sha256(storage.encode()).hexdigest()
    return page["id"], page["title"], page["spaceId"], version["number"], version["createdAt"], digest, storage


def main() -> None:
    """Read every space, and write what arrives."""
    account = f"{os.environ['USERNAME']}:{os.environ['TOKEN']}"
    connections = int(os.environ["CONNECTIONS"])
    client = Client(os.environ["SITE"], account, connections)
    spaces = [space["id"] for answer in client.walk(SPACES) for space in answer]
    arrived: queue.Queue[list[Json] | None] = queue.Queue(maxsize=connections)

    def follow(space_id: str) -> None:
        for answer in client.walk(LISTING.format(space_id)):
            arrived.put(answer)

    def follow_all() -> None:
        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(follow, spaces))
        arrived.put(None)

    with ThreadPoolExecutor(1) as reading, psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute(TABLE)
        done = reading.submit(follow_all)
        pages = chain.from_iterable(iter(arrived.get, None))
        while some := [row(page) for page in islice(pages, PAGES_PER_WRITE)]:
            connection.cursor().executemany(UPSERT, some)
            connection.commit()
        done.result()


if __name__ == "__main__":
    main()
