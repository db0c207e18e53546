"""The command line: python -m clients make|test [LANGUAGE...]."""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from clients import conformance, language
from clients.language import UNAVAILABLE, FailedError, Language, MissingError
from clients.newer import make_newer_agent
from clients.servers import everything
from clients.table import table


def main(arguments: Sequence[str] | None = None) -> int:
    """Make or prove clients, and return the exit code.

    It is 0, 1 if something failed, 2 if there is no such language, or 69 if a toolchain is missing for a language that
    was named. Where none is named, all are meant, and what is missing is told in the table.

    Args:
        arguments: The command line's arguments; None takes the program's own.
    """
    parser = argparse.ArgumentParser(prog="python -m clients", description="Make clients in other languages.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in (("make", "make clients in build/clients/"), ("test", "make clients, and prove them")):
        command = commands.add_parser(name, help=what)
        command.add_argument("languages", nargs="*", metavar="LANGUAGE", help="which (default: all)")
    options = parser.parse_args(arguments)
    try:
        languages = [language.load(name) for name in options.languages or language.names()]
    except ValueError as error:
        parser.error(str(error))
    return {"make": make, "test": test}[options.command](languages, named=bool(options.languages))


def make(languages: Sequence[Language], *, named: bool) -> int:
    """Make clients, twice each, and print a table."""
    head = ("language", "generator", "version", "seconds", "files", "lines", "made again")
    rows: list[Sequence[str]] = [head]
    codes = [0]
    for one in languages:
        start = (one.title, one.generator, one.version)
        try:
            seconds = language.generate(one)
            first = language.files(one)
            lines = language.lines(one)
            language.generate(one)
        except MissingError as error:
            codes.append(_tell_missing(error, named=named))
            rows.append((*start, "", "", "", f"not made: it needs {language.missing(one.needs_to_generate)}"))
        except FailedError as error:
            codes.append(_tell_failed(error))
            rows.append((*start, "", "", "", "FAILED"))
        else:
            again = "the same bytes" if language.files(one) == first else "other bytes"
            rows.append((*start, f"{seconds:.1f}", str(len(first)), str(lines), again))
    print(table(rows))
    return max(codes)


def test(languages: Sequence[Language], *, named: bool) -> int:
    """Make clients, build them, run the conformance scenario with each against two agents, and print a table."""
    rows: list[Sequence[str]] = [
        ("language", "generator", "version", "lines", "dependencies", "build s", "conformance", "with a newer agent")
    ]
    codes = [0]
    with tempfile.TemporaryDirectory(prefix="newer-agent-") as folder:
        newer = make_newer_agent(Path(folder))
        for one in languages:
            row = [one.title, one.generator, one.version, "", "", "", "", ""]
            rows.append(row)
            try:
                _prove(one, row, newer)
            except MissingError as error:
                codes.append(_tell_missing(error, named=named))
            except FailedError as error:
                row[-2] = row[-2] or "FAILED"
                codes.append(_tell_failed(error))
    print(table(rows))
    return max(codes)


def _prove(one: Language, row: list[str], newer: Path) -> None:
    began = time.monotonic()
    try:
        language.generate(one)
    except MissingError:
        row[-2] = f"not made: it needs {language.missing(one.needs_to_generate)}"
        raise
    row[3] = str(language.lines(one))
    if what := language.missing(one.needs_to_run):
        row[-2] = f"made, not run: it needs {what}"
        raise MissingError(f"the client in {one.title} was made, but not run: it needs {what}")
    if not one.conformance:
        row[-2] = "made, not run: no program proves it yet"
        return
    print(f"== {one.title}", flush=True)
    if one.build:
        began = time.monotonic()
        try:
            language.run(one, one.build, "build")
        except MissingError as error:
            row[-2] = f"made, not run: it needs {error}"
            raise MissingError(f"the client in {one.title} was made, but not run: it needs {error}") from None
        row[5] = f"{time.monotonic() - began:.0f}"
    row[4] = str(language.dependencies(one))
    for column, code in ((-2, language.ROOT), (-1, newer)):
        with everything(code) as environment:
            row[column] = _passed(one, environment)


def _passed(one: Language, environment: Mapping[str, str]) -> str:
    done = language.start(one, one.conformance, environment)
    result = conformance.judge(done.stdout, done.returncode, conformance.checks())
    if result.faults:
        faults = "\n".join(result.faults)
        raise FailedError(f"{one.name}: the conformance scenario failed:\n{done.stdout}{done.stderr}\n{faults}")
    print(f"conformance: {result.passed} passed, 0 failed", flush=True)
    return f"{result.passed} passed"


def _tell_missing(error: MissingError, *, named: bool) -> int:
    print(error, file=sys.stderr)
    return UNAVAILABLE if named else 0


def _tell_failed(error: FailedError) -> int:
    print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
