"""Several sites in one settings file: their names, what belongs to one of them, and what cannot stand together.

`[sites.emea.confluence]` and the like hold what differs from the tables outside, which count for every site. Without
`sites` these tables are the one site.
"""

import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from hr_sync.errors import UsageError
from hr_sync.settings.keys import FILE_SUFFIX, PREFIX, SITES, full_path, keys
from hr_sync.settings.problems import Mistake, printable
from hr_sync.settings.sources import Given, Layer, TomlFile, environment, secret_files, toml_layer

LONGEST_NAME = 40
UNION_SCHEMA = "hr_sync_sites"  #: of the views over all sites
SITE_NAME = "[a-z][a-z0-9]*(_[a-z0-9]+)*"  #: as a regular expression
_OF_INSTALLATION = ("database", "service", "log")
#: Keys that a site has for itself alone: two sites would get in each other's way, or ids, keys and readers are those
#: of one site. The space HR of another site holds other pages, and nobody has decided who reads them.
OF_ONE_SITE = (
    "database.schema",
    "service.ping_url",
    "service.metrics_file",
    "access.mode",
    "access.audience_groups",
    "access.open_spaces",
    "confluence.page_trees",
    "confluence.exclude_page_trees",
)
_BY_NAME = "the name of the site"


def find_sites(
    environ: Mapping[str, str], file: TomlFile, of_all: Sequence[Layer]
) -> tuple[Sequence[str], Sequence[Mistake]]:
    """Return the names of the sites, and what is wrong with them.

    The environment names sites only if no file does, and if no address is set outside of them: beside the settings of
    the only site, one variable would else mirror it again, into another schema.
    """
    tables = (file.tables or {}).get(SITES)
    if tables is None:
        is_one = any("confluence.url" in layer.given for layer in of_all)
        return [] if is_one else sorted(_sites_of_variables(environ)), []
    if not isinstance(tables, dict) or not tables:
        what = "must hold a table for each site, which begins with [sites.NAME.confluence]"
        return [], [Mistake(key=SITES, source=file.source, what=what)]
    names, mistakes = [], []
    for name, table in tables.items():
        key = printable(f"{SITES}.{name}")
        if not re.fullmatch(SITE_NAME, name) or len(name) > LONGEST_NAME:
            what = (
                f"is no name of a site: take at most {LONGEST_NAME} small letters, digits and single _, a letter "
                "first, as in [sites.emea.confluence]"
            )
            mistakes.append(Mistake(key=key, source=file.source, what=what))
        elif not isinstance(table, dict):
            what = f"must hold tables, which begin with [{SITES}.{name}.confluence]"
            mistakes.append(Mistake(key=key, source=file.source, what=what))
        else:
            names.append(name)
    return names, mistakes


def _sites_of_variables(environ: Mapping[str, str]) -> set[str]:
    """Return the sites for which a variable sets something."""
    endings = {f"__{key.variable.removeprefix(PREFIX)}{suffix}" for key in keys() for suffix in ("", FILE_SUFFIX)}
    begin = f"{PREFIX}{SITES}__".upper()
    found = set()
    for name in environ:
        parts = name.removeprefix(begin).split("__")
        if name.startswith(begin) and len(parts) == 3 and f"__{parts[1]}__{parts[2]}" in endings:
            found.add(parts[0].lower())
    return {name for name in found if re.fullmatch(SITE_NAME, name) and len(name) <= LONGEST_NAME}


def choose_site(names: Sequence[str], wanted: str | None) -> str | None:
    """Return the site that is meant; None where none is configured. Raise UsageError where that is not clear."""
    known = ", ".join(names)
    if not names:
        if wanted is not None:
            raise UsageError(
                f"no sites are configured, so that there is no {printable(wanted)}. Leave --site out, or write "
                "[sites.NAME.confluence] into the settings."
            )
        return None
    if wanted is None:
        if len(names) > 1:
            raise UsageError(f"several sites are configured ({known}): add --site {names[0]}, or another one of them.")
        return names[0]
    if wanted not in names:
        raise UsageError(f"there is no site {printable(wanted)}. The settings have {known}.")
    return wanted


def layers_of_site(environ: Mapping[str, str], file: TomlFile, site: str) -> Sequence[Layer]:
    """Return what is set for a site alone, the source that counts first at first."""
    own = [environment(environ, site), secret_files(environ, site), toml_layer(file, site)]
    schema = Layer({"database.schema": Given(value=site, source=_BY_NAME, site=site)}, [])
    return [*(_refused(layer, site, is_of_installation, _MOVE_UP) for layer in own), schema]


def layer_of_all(layer: Layer, sites: Sequence[str]) -> Layer:
    """Return a layer of all sites without what each site must have for itself."""
    return _refused(layer, sites[0], OF_ONE_SITE.__contains__, _MOVE_DOWN) if sites else layer


_MOVE_UP = "counts for all sites: set {path} outside of sites, where it stands for all"
_MOVE_DOWN = "would count for every site: set {place} for a site instead"


def is_of_installation(path: str) -> bool:
    """Return True for a setting that no site may have for itself."""
    return path.partition(".")[0] in _OF_INSTALLATION and path not in OF_ONE_SITE


def _refused(layer: Layer, site: str, is_refused: Callable[[str], bool], what: str) -> Layer:
    refused = [path for path in layer.given if is_refused(path)]
    mistakes = [
        Mistake(
            key=full_path(path, layer.given[path].site),
            source=layer.given[path].source,
            what=what.format(path=path, place=full_path(path, site)),
        )
        for path in refused
    ]
    given = {path: value for path, value in layer.given.items() if path not in refused}
    return Layer(given, [*layer.mistakes, *mistakes], is_whole=layer.is_whole, readable=layer.readable)


def clashes(layers: Mapping[str, Sequence[Layer]]) -> Iterator[Mistake]:
    """Yield which sites would write into one schema, and which are the same twice. `layers`: those of each site."""
    given = {site: ChainMap(*(layer.given for layer in own)) for site, own in layers.items()}
    schemas = {site: found["database.schema"] for site, found in given.items()}
    for name, schema in schemas.items():
        if schema.value == UNION_SCHEMA:
            what = f"must not be mirrored into {UNION_SCHEMA}, which holds the views over all sites"
            yield Mistake(key=f"{SITES}.{name}", source=schema.source, what=what)
    for one, other in combinations(given, 2):
        key = f"{SITES}.{other}"
        if isinstance(schemas[one].value, str) and schemas[one].value == schemas[other].value:
            what = f"would be mirrored into the schema of {SITES}.{one}; set another one for {key}.database.schema"
            yield Mistake(key=key, source=schemas[other].source, what=what)
        elif _what_is_mirrored(given[one]) == _what_is_mirrored(given[other]):
            what = f"is the same as {SITES}.{one}: give it another url, account or scope, or take it out"
            yield Mistake(key=key, what=what)


def schema_of_site(layers: Sequence[Layer]) -> str:
    """Return the schema that is set for a site by its layers, whether it may be one or not; else its name."""
    return str(ChainMap(*(layer.given for layer in layers))["database.schema"].value)


def _what_is_mirrored(given: Mapping[str, Given]) -> Mapping[str, object]:
    groups = ("confluence.", "access.")
    return {path: each.value for path, each in given.items() if path.startswith(groups)}
