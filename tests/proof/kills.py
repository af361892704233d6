"""Dies between two commits: after the n-th one, or just before it, nothing of the worker reaches the database."""

import threading

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from hr_sync.store.store import Store


class Killed(BaseException):
    """The process is gone. Nothing catches this, and nothing is committed after it."""


def mortal_store(engine: Engine, nth: int, *, after: bool) -> Store:
    """Return a store whose worker dies at its n-th commit, before it or right after it."""
    commits = 0
    lock = threading.Lock()

    class MortalSession(Session):
        def commit(self) -> None:
            nonlocal commits
            with lock:
                commits += 1
                number = commits
            if number < nth or (number == nth and after):
                super().commit()
            if number >= nth:
                raise Killed

    store = Store(engine)
    store._transactions._sessions = sessionmaker(engine, expire_on_commit=False, class_=MortalSession)
    return store
