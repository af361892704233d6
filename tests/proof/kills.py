"""Dies between two commits: after the n-th one, or just before it, nothing of the worker reaches the database."""

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker


class Killed(BaseException):
    """The process is gone. Nothing catches this, and nothing is committed after it."""


def mortal_sessions(engine: Engine, nth: int, *, after: bool) -> sessionmaker[Session]:
    """Make sessions whose worker dies at its n-th commit, before it or right after it."""
    commits = 0

    class MortalSession(Session):
        def commit(self) -> None:
            nonlocal commits
            commits += 1
            if commits < nth or (commits == nth and after):
                super().commit()
            if commits >= nth:
                raise Killed

    return sessionmaker(engine, expire_on_commit=False, class_=MortalSession)
