"""Runs Schemathesis against a local agent of its own, and says what was done.

The options are Schemathesis's, as `--max-time 60 --seed 1`; without a seed it takes a new one, and prints it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from synapse_sdk.contract import contract_path
from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.local_agent.contract import Contract
from tests.local_agent.support import children_of, make_release
from tests.schemathesis.report import PHASES, Report, read

HERE = Path(__file__).parent

# The life of a container, each step of which must have been taken along links, and have succeeded.
LIFE = {
    "get_docker_container",
    "stop_docker_container",
    "start_docker_container",
    "get_docker_container_logs",
    "delete_docker_container",
    "get_container",
    "update_container",
    "delete_container",
}


def main(arguments: list[str]) -> int:
    """Run it, print what was done, and return the exit code: 0 if nothing was found and everything was tried."""
    operation_ids = {f"{each.method} {each.path}": each.id for each in Contract.load(contract_path()).operations}
    with tempfile.TemporaryDirectory() as folder:
        plugins, events = Path(folder, "plugins"), Path(folder, "events.ndjson")
        for name in ("my_plugin@1.0.0", "ocr_processor@2.0.0"):  # those of the contract's examples
            make_release(plugins, name=name)
        with LocalAgent(plugins, start_timeout=20, stop_grace=2, validate_responses=True) as agent:
            code = _schemathesis(agent, events, arguments)
        with events.open() as lines:
            report = read(lines, operation_ids)
    wrong = [*agent.violations, *_faults(report, operation_ids)]
    if code:
        wrong.append(f"Schemathesis ended with {code}")
    print(_told(report))
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


def _schemathesis(agent: LocalAgent, events: Path, arguments: list[str]) -> int:
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run"]
    options = ["--url", agent.url, "--checks", "all", "--report", "ndjson", "--report-ndjson-path", str(events)]
    environment = {**os.environ, "SYNAPSE_AGENT_TOKEN": agent.token or "", "no_proxy": "127.0.0.1"}
    return subprocess.run(
        [*command, str(contract_path()), *options, *arguments], env=environment, check=False
    ).returncode


def _faults(report: Report, operation_ids: dict[str, str]) -> list[str]:
    """What makes a run that found nothing worth nothing."""
    faults = {
        f"{len(operation_ids) - report.operations} operations were not tested": report.operations < len(operation_ids),
        f"{report.failures} checks failed": report.failures,
        **{f"the phase {phase} made no request": not report.cases[phase] for phase in PHASES},
        **{f"{name} never succeeded along a link": not report.done[name] for name in sorted(LIFE)},
        "the agent left processes behind": children_of(os.getpid()),
    }
    return [fault for fault, found in faults.items() if found]


def _told(report: Report) -> str:
    cases = ", ".join(f"{report.cases[phase]} {phase}" for phase in PHASES)
    done = ", ".join(f"{count} {name}" for name, count in sorted(report.done.items()) if count)
    return (
        f"operations: {report.operations}\n"
        f"cases: {report.cases.total()} ({cases})\n"
        f"failures: {report.failures}\n"
        f"chained steps: {report.steps.total()} along {len(report.steps)} links\n"
        f"of which succeeded: {done}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
