"""The examples for Airflow and Dagster, executed with stand-ins for the names that they import."""

import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from confluence_simulator import Simulator

from tests.engines.site import TOKEN, USERNAME, config_of, world_of
from tests.engines.test_space_jobs import sql

EXAMPLES = Path(__file__).parents[2] / "examples/engines"
DONE = "SELECT count(*) FROM sync_spaces WHERE last_full_at IS NOT NULL"


class Failed(Exception):
    """Stands for the exceptions that mark a task as failed."""

    def __init__(self, message: str, **_how: object) -> None:
        super().__init__(message)


class Mapped:
    """A function that is called, or once for each of a list of arguments; keeps what the calls returned."""

    def __init__(self, function: Callable[..., Any], results: list[Any]) -> None:
        self._function = function
        self._results = results

    def __call__(self, *values: Any) -> Any:
        return self._function(*values)

    def expand_kwargs(self, every: Iterable[dict[str, Any]]) -> None:
        self._results += [self._function(**each) for each in every]


class Output:
    """What an op of Dagster yields, and has a key of letters, digits and _."""

    def __init__(self, value: object, mapping_key: str) -> None:
        assert mapping_key.replace("_", "").isalnum()
        assert mapping_key.isascii()
        self.value = value

    __class_getitem__ = classmethod(lambda cls, _: cls)


class Outputs:
    """What a call of such an op stands for."""

    def __init__(self, every: Iterable[Output]) -> None:
        self._every = every

    def map(self, function: Callable[[Any], Any]) -> None:
        for each in self._every:
            function(each.value)


def decorated(decorate: Callable[[Callable[..., Any]], Any]) -> Callable[..., Any]:
    """Return a decorator that may be used with arguments and without."""

    def decorator(function: Callable[..., Any] | None = None, **_how: object) -> Any:
        return decorate if function is None else decorate(function)

    return decorator


def airflow(results: list[Any]) -> dict[str, ModuleType]:
    """Make the modules that the DAG imports; a DAG is run when it is called."""
    sdk, exceptions = ModuleType("airflow.sdk"), ModuleType("airflow.sdk.exceptions")
    vars(sdk).update(dag=decorated(lambda function: function), task=decorated(lambda each: Mapped(each, results)))
    vars(exceptions).update(AirflowFailException=Failed)
    return {"airflow": ModuleType("airflow"), "airflow.sdk": sdk, "airflow.sdk.exceptions": exceptions}


def dagster(results: list[Any]) -> dict[str, ModuleType]:
    """Make the module that the job imports."""

    def op(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            if not values:
                return Outputs(function())
            results.append(function(*values))
            return results[-1]

        return call

    found = ModuleType("dagster")
    vars(found).update(
        Definitions=dict,
        DynamicOut=object,
        DynamicOutput=Output,
        Failure=Failed,
        ScheduleDefinition=dict,
        job=decorated(lambda function: function),
        op=decorated(op),
    )
    return {"dagster": found}


def load(monkeypatch: pytest.MonkeyPatch, name: str, config: Path, stand_ins: dict[str, ModuleType]) -> Any:
    """Import an example as its engine does, and let it read these settings."""
    for each, stand_in in stand_ins.items():
        monkeypatch.setitem(sys.modules, each, stand_in)
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    here = config.parent / f"{name}.py"
    here.write_text(text.replace("/etc/hr_sync/config.toml", str(config)), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, here)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "stand_ins"), [("airflow_dag", airflow), ("dagster_job", dagster)])
def test_an_example_does_what_is_due(
    tmp_path: Path,
    prepared_url: str,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    stand_ins: Callable[[list[Any]], dict[str, ModuleType]],
) -> None:
    """A round over three spaces, nothing until the next one, and a failed task where somebody has to look."""
    results: list[Any] = []
    world = world_of(2, pages=25)
    world.create_space("~712020")
    with Simulator(world, username=USERNAME, api_token=TOKEN) as site:
        config = config_of(tmp_path, site, prepared_url)
        settings = config.read_text().replace("[database]", "include_personal_spaces = true\n[database]")
        config.write_text(settings, encoding="utf-8")
        module = load(monkeypatch, name, config, stand_ins(results))
        if name == "dagster_job":
            module.hr_sync()
        assert sql(prepared_url, DONE) == [(3,)]
        assert [each["outcome"] for each in results] == ["complete"] * 3

        module.hr_sync()
        assert len(results) == 3

        for page in list(world.pages()):
            if page.space_id == world.space("S00").id:
                world.trash_page(page.id)
        sql(prepared_url, "UPDATE sync_spaces SET full_due_at = now() - interval '1 minute'")
        with pytest.raises(Failed, match="allow-mass-delete"):
            module.hr_sync()
