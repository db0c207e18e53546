"""What Schemathesis cannot read in the contract, since OpenAPI 3.0 cannot say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import schemathesis

if TYPE_CHECKING:
    from schemathesis import Case, HookContext, Response
    from schemathesis.core import Body
    from schemathesis.core.failures import Failure

# By the number of its record, each container that was made; and those whose record was deleted.
_made: dict[str, str] = {}
_deleted: set[str] = set()


def filter_body(_: HookContext, body: Body) -> bool:
    """Leave out environment variables of names that there cannot be: the agent answers 422, and rightly."""
    envs = body.get("envs") if isinstance(body, dict) else None
    return not isinstance(envs, dict) or all(name and "=" not in name for name in envs)


def after_call(_: HookContext, case: Case[Any], response: Response) -> None:
    """Remember which containers went with their records."""
    operation = case.operation.definition.raw["operationId"]
    if operation == "create_docker_container" and response.status_code == 201:
        made = response.json()
        _made[str(made["record_id"])] = made["docker_id"]
    elif operation == "delete_container" and response.status_code == 204:
        _deleted.add(_made.pop(str(case.path_parameters["container_id"]), ""))


def filter_failure(_: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Accept that a container is gone whose record was deleted: Schemathesis knows deletions by the same path alone."""
    gone = response.status_code == 404 and "ensure_resource_availability" in failure.checks
    return not (gone and case.path_parameters.get("container_id") in _deleted)


for hook in (filter_body, after_call, filter_failure):
    schemathesis.hook(hook)
