"""What a run of Schemathesis did, from its report of events."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PHASES = ("examples", "coverage", "fuzzing", "stateful")


@dataclass
class Report:
    """The figures of a run.

    Attributes:
        operations: How many operations were tested.
        cases: How many requests were answered, by phase.
        failures: How many checks failed.
        steps: How many requests took what they ask for from an earlier answer, by the name of the contract's link, or
            by the two operations where Schemathesis found the link itself.
        done: How often each operation was answered with a success in such a step.
    """

    operations: int = 0
    cases: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)


def read(lines: Iterable[str], operation_ids: Mapping[str, str]) -> Report:
    """Return the figures in a report in NDJSON.

    Args:
        lines: The report.
        operation_ids: The id of each operation, by its method and path.
    """
    report = Report()
    tested = set()
    for line in lines:
        (event,) = json.loads(line).items()
        if event[0] != "ScenarioFinished":
            continue
        scenario = event[1]
        for name, case, status, failures in _answered(scenario["recorder"]):
            report.cases[scenario["phase"]] += 1
            report.failures += failures
            tested.add(name)
            if case["is_transition_applied"]:
                report.steps[case["transition"]["id"]] += 1
                report.done[operation_ids[name]] += status < 300
    report.operations = len(tested & operation_ids.keys())
    return report


def _answered(recorder: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], int, int]]:
    for case_id, case in recorder.get("cases", {}).items():
        response = recorder.get("interactions", {}).get(case_id, {}).get("response")
        if response:
            failures = sum(check["status"] != "success" for check in recorder.get("checks", {}).get(case_id, ()))
            yield f"{case['value']['method']} {case['value']['path']}", case, response["status_code"], failures
