from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="UpdateContainerRequest")


@_attrs_define
class UpdateContainerRequest:
    """What to write into the record.

    Attributes:
        status (str): What a container is doing. Docker's own values are `created`, `running`, `paused`, `restarting`,
            `removing`, `exited` and `dead`; the platform adds `requested`, `building`, `starting`, `unhealthy`, `stopped`,
            `failed`, `deleting` and `deleted`. Agents may use others. Example: running.
    """

    status: str

    def to_dict(self) -> dict[str, Any]:
        status = self.status

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "status": status,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        status = d.pop("status")

        update_container_request = cls(
            status=status,
        )

        return update_container_request
