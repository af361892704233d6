"""Cloud's REST API v2, all routes."""

from hr_sync.simulator import cloud_v2_pages, cloud_v2_spaces

ROUTES = (*cloud_v2_pages.ROUTES, *cloud_v2_spaces.ROUTES)
