"""Contains all the data models used in inputs/outputs"""

from .component_health import ComponentHealth
from .container import Container
from .container_metadata_type_0 import ContainerMetadataType0
from .container_page import ContainerPage
from .container_params_type_0 import ContainerParamsType0
from .create_docker_container_request import CreateDockerContainerRequest
from .create_docker_container_request_envs import CreateDockerContainerRequestEnvs
from .create_docker_container_request_metadata import CreateDockerContainerRequestMetadata
from .create_docker_container_request_params import CreateDockerContainerRequestParams
from .docker_container import DockerContainer
from .error_body import ErrorBody
from .field_error import FieldError
from .health import Health
from .list_containers_filters import ListContainersFilters
from .update_container_request import UpdateContainerRequest

__all__ = (
    "ComponentHealth",
    "Container",
    "ContainerMetadataType0",
    "ContainerPage",
    "ContainerParamsType0",
    "CreateDockerContainerRequest",
    "CreateDockerContainerRequestEnvs",
    "CreateDockerContainerRequestMetadata",
    "CreateDockerContainerRequestParams",
    "DockerContainer",
    "ErrorBody",
    "FieldError",
    "Health",
    "ListContainersFilters",
    "UpdateContainerRequest",
)
