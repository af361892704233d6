"""Looks up pages by id and spaces by key, for both flavours. Contains no HTTP."""

from collections.abc import Callable, Sequence

from hr_sync.confluence.http.response import Json
from hr_sync.confluence.json_fields import FieldError
from hr_sync.domain.content import ContentKind, Space, SpaceList
from hr_sync.domain.deletion import LookupResult, LookupStatus
from hr_sync.domain.page_items import Item, ItemLookup
from hr_sync.errors import (
    AccessDenied,
    AnswerNotTrusted,
    AnswerUnusable,
    EndpointRemoved,
    NotFound,
    ScopeMissing,
    ServerFailed,
)

UNKNOWN_KEY = "?"  #: in place of the key of a space that has none


def look_up(page_id: str, kind: ContentKind, ask: Callable[[], LookupResult]) -> LookupResult:
    """Return the result of a single read of a page; a failure of the answer alone is UNKNOWN, which is no evidence."""
    try:
        return ask()
    except ScopeMissing:  # it is an AccessDenied, and not about the page
        return LookupResult(page_id=page_id, kind=kind, result=LookupStatus.UNKNOWN)
    except (NotFound, AccessDenied):
        return LookupResult(page_id=page_id, kind=kind, result=LookupStatus.NOT_FOUND)
    except (AnswerNotTrusted, EndpointRemoved, ServerFailed):
        return LookupResult(page_id=page_id, kind=kind, result=LookupStatus.UNKNOWN)


def look_up_item(ask: Callable[[], Item]) -> ItemLookup[Item]:
    """Return the result of a single read of an item of a page; a failure of the answer alone is UNKNOWN likewise."""
    try:
        return ItemLookup(result=LookupStatus.FOUND, item=ask())
    except ScopeMissing:  # it is an AccessDenied, and not about the item
        return ItemLookup(result=LookupStatus.UNKNOWN)
    except (NotFound, AccessDenied):
        return ItemLookup(result=LookupStatus.NOT_FOUND)
    except (AnswerNotTrusted, EndpointRemoved, ServerFailed, FieldError):
        return ItemLookup(result=LookupStatus.UNKNOWN)


def spaces_by_keys(keys: Sequence[str], most_keys: int, ask: Callable[[Sequence[str]], SpaceList]) -> SpaceList:
    """Return the spaces with these keys or aliases, by few requests; all spaces without keys.

    `ask` lists the spaces with at most `most_keys` keys, or all of them. Keys that the lists lack are searched among
    all spaces: servers differ in how they read a list of keys, in aliases, and in upper and lower case.
    """
    if not keys:
        return ask(())
    try:
        lists = [ask(keys[start : start + most_keys]) for start in range(0, len(keys), most_keys)]
    except (AnswerUnusable, NotFound):
        lists = []
    found = SpaceList(
        spaces=[space for each in lists for space in each.spaces],
        unreadable=[key for each in lists for key in each.unreadable],
    )
    chosen, is_complete = choose_spaces(found, keys)
    return chosen if is_complete else choose_spaces(ask(()), keys)[0]


def read_each_space(answers: Sequence[Json], read: Callable[[Json], Space]) -> SpaceList:
    """Return the spaces in the answers of a listing, and the keys of those with an invalid description."""
    spaces: dict[str, Space] = {}
    unreadable: set[str] = set()
    for item in (item for answer in answers for item in answer["results"]):
        try:
            space = read(item)
            spaces[space.id] = space
        except FieldError:
            key = item.get("key") if isinstance(item, dict) else None
            unreadable.add(key if isinstance(key, str) and key and key.isprintable() else UNKNOWN_KEY)
    return SpaceList(spaces=list(spaces.values()), unreadable=sorted(unreadable))


def choose_spaces(found: SpaceList, keys: Sequence[str]) -> tuple[SpaceList, bool]:
    """Return the spaces with these keys or aliases, in any case, and whether every key has a space."""
    wanted = {key.casefold() for key in keys}
    names = {space.id: {space.key.casefold(), (space.alias or space.key).casefold()} for space in found.spaces}
    chosen = SpaceList(
        spaces=[space for space in found.spaces if names[space.id] & wanted],
        unreadable=[key for key in found.unreadable if key == UNKNOWN_KEY or key.casefold() in wanted],
    )
    met = set[str]().union(*names.values(), (key.casefold() for key in found.unreadable))
    return chosen, wanted <= met
