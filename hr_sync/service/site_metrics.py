"""Metrics of several sites: each has the label `site`, and each family is there once."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

_OF_PROCESS = {"hr_sync_build_info", "hr_sync_database_pool_connections"}  # the same at each site


def exposition_of_sites(sites: Mapping[str, CollectorRegistry]) -> bytes:
    """Return the metrics of several sites, each with the label `site`; once and without it what is of the process."""
    return generate_latest(_registry_of(sites))


def registry_of_site(registry: CollectorRegistry, site: str | None) -> CollectorRegistry:
    """Return a registry whose metrics name the site that they are of; the same one where there is only one."""
    return registry if site is None else _registry_of({site: registry})


def _registry_of(sites: Mapping[str, CollectorRegistry]) -> CollectorRegistry:
    labelled = CollectorRegistry(auto_describe=False)
    labelled.register(_Labelled(sites))
    return labelled


class _Labelled(Collector):
    """The metrics of several registries."""

    def __init__(self, sites: Mapping[str, CollectorRegistry]) -> None:
        self._sites = sites

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the database is not read when this is registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Read all registries now."""
        families: dict[str, Metric] = {}
        for site, registry in self._sites.items():
            for found in registry.collect():
                is_new = found.name not in families
                family = families.setdefault(found.name, Metric(found.name, found.documentation, found.type))
                if found.name in _OF_PROCESS:
                    family.samples += found.samples if is_new else []
                else:
                    family.samples += [each._replace(labels={"site": site} | each.labels) for each in found.samples]
        return families.values()
