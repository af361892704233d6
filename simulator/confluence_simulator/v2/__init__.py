"""Cloud's REST API v2, all routes."""

from confluence_simulator.v2 import access, attached, labels, pages, spaces, tree

ROUTES = (*pages.ROUTES, *spaces.ROUTES, *attached.ROUTES, *labels.ROUTES, *access.ROUTES, *tree.ROUTES)
