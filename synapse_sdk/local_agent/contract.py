"""The contract: which operations there are, and whether requests and responses are as it says."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml
from jsonschema_path import SchemaPath
from openapi_core.casting.schemas import oas30_casters_dict
from openapi_core.casting.schemas.casters import AnyCaster, IntegerCaster, TypesCaster
from openapi_core.casting.schemas.factories import SchemaCastersFactory
from openapi_core.datatypes import RequestParameters
from openapi_core.deserializing.media_types.exceptions import MediaTypeDeserializeError
from openapi_core.templating.media_types.exceptions import MediaTypeNotFound
from openapi_core.templating.paths.datatypes import PathOperationServer
from openapi_core.templating.paths.finders import APICallPathFinder
from openapi_core.unmarshalling.request.unmarshallers import V30RequestParametersUnmarshaller
from openapi_core.validation.request.exceptions import ParameterValidationError
from openapi_core.validation.request.validators import V30RequestBodyValidator
from openapi_core.validation.response.validators import V30ResponseValidator
from openapi_core.validation.schemas import oas30_write_schema_validators_factory
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue

from synapse_sdk.local_agent import jsontext
from synapse_sdk.local_agent.errors import FieldError, InvalidError, NotFoundError, field_error

_NUL = rb"\u0000"  # JSON has no other way to write it
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
JSON = "application/json"


class ContractError(Exception):
    """The contract cannot be served; the message says why."""


@dataclass(frozen=True)
class Operation:
    """One operation of the contract.

    Attributes:
        id: Its `operationId`.
        method: The HTTP method, in capitals.
        path: The path's template.
        success: The status of its answer.
        media_type: The type of its answer's body, or None if that has none.
        query: The names of its declared query parameters.
        takes_body: Whether its requests have a body.
    """

    id: str
    method: str
    path: str
    success: int
    media_type: str | None
    query: frozenset[str]
    takes_body: bool


@dataclass(frozen=True)
class Call:
    """A request that is as the contract says.

    Attributes:
        path: The path's parameters.
        query: The declared query parameters that were given.
        filters: The other query parameters, in the order in which they were given.
        body: The decoded body, or None.
        url: The URL asked for, without its query.
        query_pairs: The whole query, as it was given.
    """

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    filters: Sequence[tuple[str, str]]
    body: Any
    url: str
    query_pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class RawRequest:
    """A request as it came, for `Contract.check_request`.

    Attributes:
        path: The path's parameters, decoded.
        query: The query's names and values.
        content_type: The header of that name, or "".
        body: The body's bytes.
        url: The URL asked for, without its query.
    """

    path: Mapping[str, str]
    query: Sequence[tuple[str, str]] = ()
    content_type: str = ""
    body: bytes = b""
    url: str = ""


@dataclass
class _Request:
    """openapi-core's request protocol; its path is the template, which `_TemplateFinder` looks up as it is."""

    method: str
    path: str
    parameters: RequestParameters = field(default_factory=RequestParameters)
    content_type: str = ""
    body: bytes | None = None
    host_url: str = ""


@dataclass(frozen=True)
class _Response:
    """openapi-core's response protocol."""

    status_code: int
    headers: Mapping[str, str]
    content_type: str
    data: bytes | None


_NO_VARIABLES = SimpleNamespace(variables={})  # the router has read them from the path already


class _TemplateFinder(APICallPathFinder):
    """Finds the operation that the router found already, whatever `servers` says."""

    def find(self, method: str, name: str) -> PathOperationServer:
        path = self.spec / "paths" / name
        return PathOperationServer(path, path / method, None, _NO_VARIABLES, None)


class _StrictIntegerCaster(IntegerCaster):
    """Takes what JSON calls an integer; Python's `int` takes `1_000` and ` 1` too."""

    def validate(self, value: str) -> None:
        if not re.fullmatch(r"-?(0|[1-9][0-9]*)", value):
            raise ValueError("not an integer")


_CASTERS = SchemaCastersFactory(
    oas30_write_schema_validators_factory,
    TypesCaster({**oas30_casters_dict, "integer": _StrictIntegerCaster}, AnyCaster),
)


class Contract:
    """An OpenAPI 3.0 document that is being served.

    Args:
        document: The document, decoded.

    Attributes:
        document: The document.
        operations: Its operations.

    Raises:
        ContractError: If it cannot be served.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._spec = SchemaPath.from_dict(dict(document))
        self.operations = tuple(_operations(self._spec))
        if not self.operations:
            raise ContractError("The contract has no operations.")

    @classmethod
    def load(cls, path: Path) -> "Contract":
        """Return the contract in a YAML file.

        Raises:
            ContractError: If the file is not there, is not YAML, or cannot be served.
        """
        try:
            document = yaml.load(path.read_bytes(), Loader=_YAML_LOADER)  # noqa: S506 - both loaders are safe ones
        except (OSError, yaml.YAMLError) as error:
            raise ContractError(f"The contract cannot be read: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
            raise ContractError(f"{path} is not an OpenAPI document.")
        return cls(document)

    def check_request(self, operation: Operation, raw: RawRequest) -> Call:
        """Return a request's values.

        Raises:
            NotFoundError: If a parameter of the path is not what the contract says: there can be nothing of that name.
            InvalidError: If anything else is not, with the list of field errors.
        """
        declared = [(name, value) for name, value in raw.query if name in operation.query]
        errors = list(_repeated(declared))
        request = _Request(
            operation.method.lower(),
            operation.path,
            RequestParameters(query=dict(declared), path=raw.path),
            # Parameters of the media type say nothing about JSON, which is UTF-8.
            raw.content_type.partition(";")[0].strip().lower(),
            raw.body,
        )
        result = self._parameters.unmarshal(request)
        for wrong_parameter in result.errors:
            errors += _parameter_errors(cast("ParameterValidationError", wrong_parameter), request.parameters)
        for wrong in errors:
            if wrong["loc"][0] == "path":
                name = _shown(raw.path[wrong["loc"][1]])
                raise NotFoundError(f"Nothing here is named {name}: {wrong['msg']}.")
        for wrong_body in self._body.iter_errors(request):
            errors += _body_errors(wrong_body, raw)
        for name, value in raw.query:
            errors += _nul_errors({name: value}, ["query"])
        if errors:
            raise InvalidError(errors)
        body = jsontext.parse(raw.body) if operation.takes_body and raw.body else None
        if _NUL in raw.body and (errors := list(_nul_errors(body, ["body"]))):
            raise InvalidError(errors)
        return Call(
            path=result.parameters.path,
            query=result.parameters.query,
            filters=[(name, value) for name, value in raw.query if name not in operation.query],
            body=body,
            url=raw.url,
            query_pairs=raw.query,
        )

    def response_errors(self, operation: Operation, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
        """Return what is wrong with a response, each as a text."""
        if not body and status == operation.success and operation.media_type not in (None, JSON):
            return []  # openapi-core takes an empty text for none
        request = _Request(operation.method.lower(), operation.path)
        response = _Response(status, headers, headers.get("content-type", ""), body or None)
        return [
            f"{operation.id} answered {status}: {error}: {_cause(error)}"
            for error in self._response.iter_errors(request, response)
        ]

    @cached_property
    def _parameters(self) -> V30RequestParametersUnmarshaller:
        return V30RequestParametersUnmarshaller(
            self._spec, path_finder_cls=_TemplateFinder, schema_casters_factory=_CASTERS
        )

    @cached_property
    def _body(self) -> V30RequestBodyValidator:
        return V30RequestBodyValidator(
            self._spec,
            path_finder_cls=_TemplateFinder,
            extra_media_type_deserializers={JSON: lambda value, **_: jsontext.parse(value)},
        )

    @cached_property
    def _response(self) -> V30ResponseValidator:
        return V30ResponseValidator(self._spec, path_finder_cls=_TemplateFinder)


_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _operations(spec: SchemaPath) -> Iterator[Operation]:
    for template, path in (spec / "paths").str_items():
        for method in _METHODS:
            if method not in path:
                continue
            operation = path / method
            if "operationId" not in operation:
                raise ContractError(f"{method.upper()} {template} has no operationId.")
            name = (operation / "operationId").read_str()
            successes = [int(code) for code in (operation / "responses").str_keys() if code.startswith("2")]
            if len(successes) != 1:
                raise ContractError(f"{name} must have exactly one response of success.")
            response = operation / "responses" / str(successes[0])
            media_types = list((response / "content").str_keys()) if "content" in response else []
            query = frozenset(
                (parameter / "name").read_str()
                for where in (path, operation)
                for parameter in where.get("parameters", ())
                if (parameter / "in").read_str() == "query" and not _any_name(parameter)
            )
            yield Operation(
                name,
                method.upper(),
                template,
                successes[0],
                media_types[0] if media_types else None,
                query,
                "requestBody" in operation,
            )


def _any_name(parameter: SchemaPath) -> bool:
    """Whether the parameter stands for query parameters of any name: an object, each property on its own."""
    style = (parameter / "style").read_str("form")
    explode = (parameter / "explode").read_bool(default=style == "form")
    return style == "form" and explode and (parameter / "schema" / "type").read_str("") == "object"


def _repeated(pairs: Sequence[tuple[str, str]]) -> Iterator[FieldError]:
    names = [name for name, _ in pairs]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            values = [value for key, value in pairs if key == name]
            yield field_error("repeated", ["query", name], f"{name} is given more than once", values)


def _nul_errors(value: object, loc: list[str | int]) -> Iterator[FieldError]:
    """Yield the texts that hold a NUL, which PostgreSQL stores in none and no environment variable can hold."""
    if isinstance(value, str):
        if "\0" in value:
            yield field_error("nul", loc, "a text cannot hold a NUL character", value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            for each in (name, inner):
                yield from _nul_errors(each, [*loc, name])
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _nul_errors(inner, [*loc, index])


def _parameter_errors(error: ParameterValidationError, parameters: RequestParameters) -> Iterator[FieldError]:
    value = parameters[error.location].get(error.name)
    loc = (error.location, error.name)
    if isinstance(error.__cause__, InvalidSchemaValue):
        yield from _schema_errors(error.__cause__, loc)
    elif value == "":
        yield field_error("empty", loc, f"{error.name} is empty", value)
    else:
        yield field_error("type", loc, f"{_shown(value)} is not of the type expected here", value)


def _body_errors(error: Exception, raw: RawRequest) -> Iterator[FieldError]:
    cause = error.__cause__
    if isinstance(cause, InvalidSchemaValue):
        yield from _schema_errors(cause, ("body",))
    elif isinstance(cause, MediaTypeNotFound):
        expected = " or ".join(cause.availableMimetypes)
        message = f"the body's type is {_shown(raw.content_type)} where {expected} is expected"
        yield field_error("content_type", ["body"], message, raw.content_type)
    elif isinstance(cause, MediaTypeDeserializeError):
        yield field_error("json_invalid", ["body"], f"the body is not JSON: {_reason(raw.body)}")
    else:
        yield field_error("missing", ["body"], "the body is missing")


def _schema_errors(invalid: InvalidSchemaValue, loc: Sequence[str | int]) -> Iterable[FieldError]:
    found: dict[str, FieldError] = {}
    # jsonschema, whose errors these are, has no types.
    for error in cast("Iterable[Any]", invalid.schema_errors):
        for wrong in _field_errors(error, [*loc, *error.absolute_path]):
            # A null is reported twice, as not nullable and as of the wrong type; the later is the clearer.
            found[repr((wrong["type"], wrong["loc"]))] = wrong
    return found.values()


def _field_errors(error: Any, loc: list[str | int]) -> Iterator[FieldError]:
    kind = str(error.validator)
    if kind == "required":
        # The missing property is named in the message alone.
        missing = next(name for name in error.validator_value if error.message.startswith(repr(name)))
        yield field_error("missing", [*loc, missing], f"{missing} is missing", error.instance)
    elif kind == "additionalProperties":
        known = error.schema.get("properties", {})
        for name in error.instance.keys() - known.keys():
            message = f"{_shown(name)} is not a field of this request"
            yield field_error("unknown_field", [*loc, name], message, error.instance[name])
    else:
        yield field_error(kind, loc, error.message, error.instance)


def _reason(body: bytes) -> str:
    reason = ""
    try:
        jsontext.parse(body)
    except ValueError as error:
        reason = str(error)
    return reason


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"


def _cause(error: Exception) -> str:
    cause = error.__cause__
    if isinstance(cause, InvalidSchemaValue):
        return "; ".join(str(getattr(each, "message", each)) for each in cause.schema_errors)
    return str(cause)
