"""The sync worker as tutorials write it, as a yardstick: one page after another, everything read each time.

Library listing, a query for each page, attributes set, a savepoint around each page, one commit at the end.
Takes from the environment: SITE, USERNAME, TOKEN, SPACES (comma-separated), DATABASE_URL.
"""

import hashlib
import os
from datetime import datetime
from typing import Any

from atlassian import Confluence
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Page(Base):
    __tablename__ = "pages"

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    space_key: Mapped[str]
    content: Mapped[str]
    content_hash: Mapped[str]
    version: Mapped[int]
    last_updated: Mapped[datetime]
    url: Mapped[str]


def main() -> None:
    site = os.environ["SITE"]
    confluence: Any = Confluence(site, username=os.environ["USERNAME"], password=os.environ["TOKEN"])  # type: ignore[no-untyped-call] # as the library is
    engine = create_engine(os.environ["DATABASE_URL"])
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for space_key in os.environ["SPACES"].split(","):
            for item in confluence.get_all_pages_from_space_as_generator(space_key, expand="body.storage,version"):
                try:
                    with session.begin_nested():
                        page = session.get(Page, item["id"]) or Page(id=item["id"])
                        page.title = item["title"]
                        page.space_key = space_key
                        page.content = item["body"]["storage"]["value"]
                        page.content_hash = hashlib.sha256(page.content.encode()).hexdigest()
                        page.version = item["version"]["number"]
                        page.last_updated = datetime.fromisoformat(item["version"]["when"])
                        page.url = site + item["_links"]["webui"]
                        session.add(page)
                except SQLAlchemyError as error:
                    print(f"page {item['id']} failed: {type(error).__name__}")
        session.commit()


if __name__ == "__main__":
    main()
