"""Search in the sections that somebody may read, and what such a search does not find."""

from collections.abc import Sequence
from dataclasses import dataclass

from hr_sync.domain.sanitize import sanitize
from hr_sync.errors import ConfigurationError, NothingMirrored, UsageError
from hr_sync.store.read.search import FoundSection, SearchAsker
from hr_sync.store.store import Store

MOST_RESULTS = 1_000  #: that the functions in the database return


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """What was found, best first."""

    words: str
    asker: SearchAsker | None  #: None: everybody of the configured audience
    results: Sequence[FoundSection]
    asker_is_known: bool  #: the mirror names the user anywhere
    groups_are_known: bool  #: the groups of the user were given, or members of groups are mirrored
    readable_sections: int | None  #: counted where nothing was found
    pages_without_text: int  #: live pages that no search finds before the next pass over the texts


def search(
    store: Store,
    words: str,
    *,
    asker: SearchAsker | None = None,
    limit: int = 10,
    makes_texts: bool = True,
    search_languages: Sequence[str],
) -> SearchResult:
    """Return the sections that fit words best, among those that an asker may read.

    Without an asker: among those of `live_sections`. `makes_texts` and `search_languages` are the settings of texts.
    Raise ConfigurationError where no text is made, NothingMirrored where none was made yet, UsageError where no word is
    left to search for.
    """
    given = sanitize(words).strip()
    state = store.search.state(given, search_languages)
    if state.texts == 0:
        if not makes_texts:
            raise ConfigurationError(
                "Nothing can be searched: no text is made of the pages. Set text.sections = true, then `hr-sync run` "
                "makes it."
            )
        raise NothingMirrored("Nothing can be searched: no text was made yet. `hr-sync run` makes it.")
    if not state.is_searchable:
        raise UsageError(
            "There is no word to search for: these are none, or too common in the language of the search. Try others."
        )
    results = store.search.sections(given, asker, limit)
    user, groups = (None, None) if asker is None else (asker.user, asker.groups)
    return SearchResult(
        words=given,
        asker=asker,
        results=results,
        asker_is_known=user is None or store.access.is_known_user(user),
        groups_are_known=user is None or groups is not None or store.access.mirrored_groups_of(user) is not None,
        readable_sections=None if results else store.search.readable_sections(asker),
        pages_without_text=state.pages_without_text,
    )
