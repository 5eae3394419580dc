"""The JSON schema of experiment files; the description of a setting is the docstring below it.

The docstrings are read from the source here. pydantic can read them while it makes a class, but that would take a tenth
of a second in every command.
"""

import ast
import inspect
import json
from textwrap import dedent
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

from fewlabel.config.experiment import Experiment
from fewlabel.config.training import Finetuning, FinetuningChange

DESCRIBED_BY: dict[type[BaseModel], type[BaseModel]] = {FinetuningChange: Finetuning}
"""Models that are made of another one's fields, and have no source of their own."""


class _Described(GenerateJsonSchema):
    """pydantic's schema with descriptions."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """The schema of a model."""
        made = super().model_schema(schema)
        described = descriptions(DESCRIBED_BY.get(schema["cls"], schema["cls"]))
        for name, setting in made.get("properties", {}).items():
            if name in described:
                setting.setdefault("description", described[name])
        return made


def experiment_schema() -> dict[str, Any]:
    """The JSON schema of an experiment file."""
    return Experiment.model_json_schema(schema_generator=_Described)


def schema() -> str:
    """The JSON schema of an experiment file as text, as committed in workflow/schemas/."""
    return json.dumps(experiment_schema(), indent=2) + "\n"


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings of a model's fields; that of a base class counts unless the field is declared again."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if not issubclass(each, BaseModel) or each is BaseModel:
            continue
        for name in each.__annotations__:
            found.pop(name, None)
        (declared,) = ast.parse(dedent(inspect.getsource(each))).body
        assert isinstance(declared, ast.ClassDef)
        for field, text in zip(declared.body, declared.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match text:
                    case ast.Expr(value=ast.Constant(value=str() as docstring)):
                        found[field.target.id] = inspect.cleandoc(docstring)
    return found
