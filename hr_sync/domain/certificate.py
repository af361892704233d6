"""The certificate of a complete listing: one hash over what it showed. Pure.

Two listings with the same root hash showed the same pages in the same versions, states and places; whoever keeps the
hash of a run can prove later what was there.
"""

import hashlib
from collections.abc import Iterable

from hr_sync.domain.content import Head


def listing_digest(heads: Iterable[Head]) -> str:
    """SHA-256 hex over a line `id<TAB>version<TAB>status<TAB>parent` for each page, sorted by id; no parent is `-`."""
    digest = hashlib.sha256()
    for head in sorted(heads, key=lambda head: head.id):
        digest.update(f"{head.id}\t{head.version}\t{head.status}\t{head.parent_id or '-'}\n".encode())
    return digest.hexdigest()
