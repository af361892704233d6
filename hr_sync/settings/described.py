"""Reads the descriptions of settings, which stand below the fields, from the source.

pydantic would read them at every start (`use_attribute_docstrings`), for a third of what reading the settings takes.
"""

import ast
import inspect
from collections.abc import Mapping
from itertools import pairwise

from pydantic import BaseModel

from hr_sync.settings.keys import groups, keys


def descriptions() -> Mapping[str, str]:
    """Return the text below each setting, by key path."""
    texts = {group: _texts_below_fields(model) for group, model in groups()}
    return {key.path: texts[key.group].get(key.attribute, "") for key in keys()}


def _texts_below_fields(group: type[BaseModel]) -> Mapping[str, str]:
    (parsed,) = ast.parse(inspect.getsource(group)).body
    found = {}
    for field, text in pairwise(parsed.body if isinstance(parsed, ast.ClassDef) else ()):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=attribute)), ast.Expr(value=ast.Constant(value=str(described))):
                found[attribute] = inspect.cleandoc(described)
    return found
