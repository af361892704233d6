"""`GET /search?q=…`: what fits, of what the asker may read. A session for each request, and SQL functions alone.

Start it behind a proxy that logs people in (README.md):

    DATABASE_URL=postgresql+psycopg://… PROXY_SECRET=… uvicorn --factory examples.fastapi.app:app_of_environment
"""

import hmac
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import ARRAY, Engine, Text, bindparam, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

_SHORTEST_SECRET = 16  # characters
_SEARCH = text(
    "SELECT section_id, title, heading_path, snippet, url, last_updated, checked_at"
    " FROM search_sections(:words, :user_id, :groups, :most)"
).bindparams(bindparam("groups", type_=ARRAY(Text)))


@dataclass(frozen=True)
class Asker:
    """Somebody who was logged in by the proxy."""

    user_id: str
    groups: Sequence[str] | None  #: None: those in which the mirror has the user


class Result(BaseModel):
    """A section. Texts are plain: escape them before they become HTML."""

    section_id: str
    title: str
    heading_path: list[str]
    snippet: str
    url: str
    last_updated: datetime
    checked_at: datetime | None


def make_app(engine: Engine, proxy_secret: str) -> FastAPI:
    """Return the application over a database, for a proxy that knows the secret."""
    if len(proxy_secret) < _SHORTEST_SECRET:
        raise ValueError(f"PROXY_SECRET must have at least {_SHORTEST_SECRET} characters.")
    app = FastAPI(title="HR search")
    session_of_request = Depends(session_maker(engine))
    asker_of_request = Depends(asker_reader(proxy_secret))

    @app.get("/search")
    def search(
        q: Annotated[str, Query(min_length=1, max_length=1000)],
        session: Annotated[Session, session_of_request],
        asker: Annotated[Asker, asker_of_request],
        limit: Annotated[int, Query(ge=1, le=50)] = 10,
    ) -> list[Result]:
        """Return the sections that fit best, of those that the asker may read."""
        values = {"user_id": asker.user_id, "groups": asker.groups, "most": limit}
        found = session.execute(_SEARCH, values | {"words": q.replace("\0", " ")})
        return [Result(**row) for row in found.mappings()]

    @app.exception_handler(DBAPIError)
    @app.exception_handler(PoolTimeoutError)
    def unavailable(_request: Request, _error: Exception) -> JSONResponse:
        """Return that nobody can search now, and nothing of the statement or of its values."""
        return JSONResponse({"detail": "The search is not available now."}, status_code=503)

    return app


def session_maker(engine: Engine) -> Callable[[], Iterator[Session]]:
    """Return a dependency: one session and one transaction for each request, ended with it."""
    sessions = sessionmaker(engine)

    def session() -> Iterator[Session]:
        with sessions.begin() as opened:
            yield opened

    return session


def asker_reader(proxy_secret: str) -> Callable[..., Asker]:
    """Return a dependency: who asks, as the proxy says. Refuse nobody in particular, and whoever lacks the secret."""

    def asker(
        x_proxy_secret: Annotated[str, Header()] = "",
        x_asker_id: Annotated[str, Header()] = "",
        x_asker_groups: Annotated[str | None, Header()] = None,
    ) -> Asker:
        if not hmac.compare_digest(x_proxy_secret.encode(), proxy_secret.encode()) or not x_asker_id:
            raise HTTPException(401, "Log in.")
        groups = (
            None if x_asker_groups is None else [each.strip() for each in x_asker_groups.split(",") if each.strip()]
        )
        return Asker(x_asker_id, groups)

    return asker


def make_engine(url: str) -> Engine:
    """Return an engine whose transactions only read, and end."""
    options = "-c default_transaction_read_only=on -c statement_timeout=5000"
    return create_engine(url, connect_args={"options": options, "prepare_threshold": None}, pool_pre_ping=True)


def app_of_environment() -> FastAPI:
    """Return the application for DATABASE_URL and PROXY_SECRET."""
    return make_app(make_engine(os.environ["DATABASE_URL"]), os.environ["PROXY_SECRET"])
