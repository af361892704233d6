"""`python -m examples.rag index` and `python -m examples.rag ask QUESTION [--as USER] [--group GROUP]...`."""

import argparse
import os

import psycopg

from examples.rag.answering import answer
from examples.rag.embedder import HashedWords
from examples.rag.indexing import create_tables, update
from examples.rag.searching import Asker, search


def main() -> None:
    """Do what the command line says, in the database of DATABASE_URL."""
    parser = argparse.ArgumentParser(prog="python -m examples.rag", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("index", help="Embed what changed.")
    ask = commands.add_parser("ask", help="Answer from what somebody may read.")
    ask.add_argument("question")
    ask.add_argument("--as", dest="user", help="Account id or user key; else what every licensed user may read.")
    ask.add_argument("--group", action="append", help="Id (Data Center: name) of a group; else the mirrored ones.")
    given = parser.parse_args()
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        if given.command == "index":
            create_tables(connection)
            print(update(connection, HashedWords()))
        else:
            asker = Asker(given.user, given.group)
            print(answer(given.question, search(connection, given.question, asker, HashedWords())))


if __name__ == "__main__":
    main()
