"""Create a container, look at it, and clean up."""

from synapse_sdk.clients.agent import AgentClient

with AgentClient() as client:
    # Create a container for a plugin
    container = client.create_docker_container(
        plugin_release="ocr_processor@2.0.0",
        params={"format": "pdf"},
        envs={"WORKERS": "4"},
    )

    # Monitor the container
    status = client.get_docker_container(container["docker_id"])
    print(f"Running: {status['running']}")

    # Clean up
    client.delete_docker_container(container["docker_id"])
