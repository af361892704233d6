"""Prints, as JSON, title and text of the pages that LangChain's ConfluenceLoader loads.

Arguments: the site's address, user, token, and what to load: "space=KEY" or "cql=QUERY".
"""

import json
import sys

from langchain_community.document_loaders import ConfluenceLoader  # type: ignore[import-not-found]  # not in .venv
from langchain_community.document_loaders.confluence import (  # type: ignore[import-not-found]
    ContentFormat,
)

address, user, token, wanted = sys.argv[1:]
kind, _, value = wanted.partition("=")
loader = ConfluenceLoader(
    url=address,
    username=user,
    api_key=token,
    cloud=False,
    limit=2,
    max_pages=1000,
    include_restricted_content=True,
    content_format=ContentFormat.STORAGE,
    **({"space_key": value} if kind == "space" else {"cql": value}),
)
found = [[document.metadata["title"], document.page_content] for document in loader.load()]
sys.stdout.write(json.dumps(found))
