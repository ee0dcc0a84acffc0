"""Descriptions of the fields of a declaration: the text under each of them, read from the source when it is asked for.

Pydantic can read them itself when a class is made. That took two thirds of the import of this package, in every task
and step, for a schema that only editors look at.
"""

import ast
import inspect
import textwrap

from pydantic import BaseModel


def field_descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Description of each field of `model` that has one, inherited fields included."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, BaseModel) and kind is not BaseModel:
            found |= _own_descriptions(kind)
    return {name: text for name, text in found.items() if name in model.model_fields}


def models_below(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """`model` and all classes derived from it, by name."""
    found = {model.__name__: model}
    for kind in model.__subclasses__():
        found |= models_below(kind)
    return found


def _own_descriptions(kind: type[BaseModel]) -> dict[str, str]:
    """Each annotated name in the class's body that is followed by a string."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            found[statement.target.id] = inspect.cleandoc(following.value.value)
    return found
