"""The whole flow on this machine: start a local agent, and run, call and remove a plugin release on it."""

import json
from pathlib import Path

import httpx

from synapse_sdk.clients.agent import AgentClient
from synapse_sdk.exceptions import NotFoundError
from synapse_sdk.local_agent import LocalAgent

PLUGINS = Path(__file__).parent / "plugins"
PAGE = b"the quick brown fox\njumps over\nthe lazy dog\n"


def show(call: str, answer: object = None) -> None:
    """Print a call, and what came back."""
    print(f"\n>>> {call}")
    if answer is not None:
        print("\n".join(f"    {line}" for line in as_text(answer).splitlines()))


def as_text(answer: object) -> str:
    """Return an answer as it is read best."""
    return answer if isinstance(answer, str) else json.dumps(answer, indent=2)


def main() -> None:
    """Run the flow."""
    with LocalAgent(plugins=PLUGINS) as agent, AgentClient(agent.url, agent.token, proxy=False) as client:
        print(f"A local agent listens on {agent.url}")

        container = client.create_docker_container(
            plugin_release="ocr_processor@2.0.0", params={"format": "pdf"}, envs={"WORKERS": "4"}
        )
        show(
            'client.create_docker_container("ocr_processor@2.0.0", params={"format": "pdf"}, envs={"WORKERS": "4"})',
            container,
        )

        docker_id = container["docker_id"]
        show("client.get_docker_container(docker_id)['running']", client.get_docker_container(docker_id)["running"])

        endpoint = container["endpoint"]
        show(f"GET {endpoint}", httpx.get(str(endpoint)).json())
        document = httpx.post(f"{endpoint}/ocr", content=PAGE)
        kind = document.headers["Content-Type"]
        show(
            f"POST {endpoint}/ocr", f"{kind}, {len(document.content)} bytes, which begin with {document.content[:8]!r}"
        )

        records, total = client.list_containers(params={"status": "running"}, list_all=True)
        show('client.list_containers(params={"status": "running"}, list_all=True)', f"{total} record:")
        for record in records:
            print(f"    {record['id']}  {record['plugin_release']}  {record['status']}  {record['endpoint']}")

        number = records[0]["id"]
        updated = client.update_container(number, status="stopped")
        show(f'client.update_container({number}, status="stopped")["status"]', updated["status"])

        client.delete_docker_container(docker_id)
        show("client.delete_docker_container(docker_id)")
        show("client.list_docker_containers()", client.list_docker_containers())
        show(f'client.get_container({number})["status"]', client.get_container(number)["status"])

        client.delete_container(number)
        show(f"client.delete_container({number})")
        try:
            client.get_container(number)
        except NotFoundError as error:
            show(f"client.get_container({number})", f"{type(error).__name__}: {error}")
    print("\nThe agent has ended, and all that it ran with it.")


if __name__ == "__main__":
    main()
