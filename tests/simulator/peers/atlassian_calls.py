"""Prints, as JSON, what the raw calls of atlassian-python-api give.

Arguments: the flavour (cloud or datacenter), the site's address, user, token, a page id, a space id.
"""

import json
import sys
from typing import Any

import atlassian

library: Any = atlassian  # has no types
flavor, address, user, token, page_id, space_id = sys.argv[1:]
if flavor == "cloud":
    cloud = library.ConfluenceV2(url=address, username=user, password=token)
    pages = cloud.get_pages(space_id=space_id, get_body=True, body_format="storage", limit=2)
    found = {
        "pages": [page["title"] for page in pages],
        "spaces": [space["key"] for space in cloud.get_spaces(limit=2)],
        "page": cloud.get_page_by_id(page_id, get_body=True, body_format="storage")["title"],
        "labels": [label["name"] for label in cloud.get_page_labels(page_id)],
    }
else:
    server = library.ConfluenceServer(url=address, username=user, password=token)
    restrictions = server.get_all_restrictions_for_content(page_id)
    found = {
        "pages": [page["title"] for page in server.get_all_pages_from_space_as_generator("HR", limit=2)],
        "listed": [page["title"] for page in server.get_all_pages_from_space("HR", limit=100)],
        "spaces": [space["key"] for space in server.get_all_spaces()["results"]],
        "page": server.get_page_by_id(page_id)["title"],
        "labels": [label["name"] for label in server.get_page_labels(page_id)["results"]],
        "cql": [row["title"] for row in server.cql("space = HR and type = page", limit=100)["results"]],
        "history": server.history(page_id)["createdBy"]["username"],
        "attachments": [row["title"] for row in server.get_attachments_from_content(page_id)["results"]],
        "groups": [group["name"] for group in restrictions["read"]["restrictions"]["group"]["results"]],
    }
sys.stdout.write(json.dumps(found, default=list))
