"""A language that a client is made in, as its folder describes it."""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
CONTRACT = ROOT / "openapi" / "agent.yaml"
BUILD = ROOT / "build" / "clients"
UNAVAILABLE = 69


class MissingError(Exception):
    """A toolchain is not there; the message says which."""


class FailedError(Exception):
    """A step failed; the message is what it wrote."""


@dataclass(frozen=True)
class Language:
    """A language, from `clients/<name>/client.toml`.

    The steps are shell scripts. They run in the language's folder with `CONTRACT`, the contract's path, `OUT`, the
    folder of the client, `VERSION`, the contract's version, and `ROOT`, this project's folder, in their environment.

    Attributes:
        name: The folder's name.
        title: What people call it.
        generator: What makes the client.
        version: The generator's version.
        needs_to_generate: The programs that generating needs beyond the virtual environment, each with what it is part
            of, in words.
        needs_to_run: The programs that building and proving need, the same way.
        generate: Makes the client in `OUT`, in which lies what the folder `project` has, and the licence.
        build: Compiles the client and the program that proves it. What no program tells of, such as a library, it asks
            for itself: it ends with 69 and what is not there, in words.
        conformance: Runs that program.
        dependencies: Prints what the client needs while it runs, one a line.
        sources: What counts as generated, as patterns below `OUT`.
    """

    name: str
    title: str
    generator: str
    version: str
    sources: tuple[str, ...]
    generate: str
    needs_to_generate: Mapping[str, str]
    needs_to_run: Mapping[str, str]
    build: str = ""
    conformance: str = ""
    dependencies: str = ""

    @property
    def folder(self) -> Path:
        """Where it is described."""
        return ROOT / "clients" / self.name

    @property
    def out(self) -> Path:
        """Where the client is made."""
        return BUILD / self.name


def names() -> list[str]:
    """Return the names of all languages."""
    return sorted(path.parent.name for path in (ROOT / "clients").glob("*/client.toml"))


def load(name: str) -> Language:
    """Return a language by its name.

    Raises:
        ValueError: If there is none of this name.
    """
    path = ROOT / "clients" / name / "client.toml"
    if not path.is_file():
        raise ValueError(f"There is no client in {name}. There is {', '.join(names())}.")
    found = tomllib.loads(path.read_text())
    found["sources"] = tuple(found["sources"])
    return Language(name=name, **{"needs_to_generate": {}, "needs_to_run": {}, **found})


def missing(needs: Mapping[str, str]) -> str:
    """Return what is not there of the programs that are needed, in words; nothing if all is there."""
    return ", ".join(f"{program} ({what})" for program, what in needs.items() if not shutil.which(program))


def generate(language: Language) -> float:
    """Make a client anew, and return how many seconds it took.

    Raises:
        MissingError: If a program is not there that this needs.
        FailedError: If the generator fails.
    """
    if what := missing(language.needs_to_generate):
        raise MissingError(f"the client in {language.title} was not made: it needs {what}")
    shutil.rmtree(language.out, ignore_errors=True)
    _lay_out(language)
    return run(language, language.generate, "generate")


def run(language: Language, script: str, what: str, environment: Mapping[str, str] | None = None) -> float:
    """Run a step of a language, and return how many seconds it took.

    Raises:
        MissingError: If it ends with 69, which says that what it has written last is not there.
        FailedError: If it fails.
    """
    began = time.monotonic()
    done = start(language, script, environment or {})
    if done.returncode == UNAVAILABLE:
        raise MissingError(done.stderr.strip().rpartition("\n")[2])
    if done.returncode != 0:
        raise FailedError(f"{language.name}: {what} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.monotonic() - began


def start(language: Language, script: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a script in a language's folder, and return what it wrote."""
    given = {"CONTRACT": str(CONTRACT), "OUT": str(language.out), "VERSION": contract_version(), "ROOT": str(ROOT)}
    # The tools of the virtual environment come first.
    given["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-euc", script],
        cwd=language.folder,
        env={**os.environ, **given, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def contract_version() -> str:
    """Return the contract's version."""
    return str(yaml.safe_load(CONTRACT.read_text())["info"]["version"])


def files(language: Language) -> dict[str, bytes]:
    """Return the generated files, by their path below the client's folder."""
    found = {path for pattern in language.sources for path in language.out.glob(pattern) if path.is_file()}
    return {str(path.relative_to(language.out)): path.read_bytes() for path in sorted(found)}


def lines(language: Language) -> int:
    """Return how many lines were generated."""
    return sum(content.count(b"\n") for content in files(language).values())


def dependencies(language: Language) -> int:
    """Return how many packages the client needs while it runs, those that they need included.

    Raises:
        FailedError: If that cannot be told.
    """
    done = start(language, language.dependencies, {})
    if done.returncode != 0:
        raise FailedError(f"{language.name}: dependencies failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return len(set(done.stdout.split("\n")) - {""})


def _lay_out(language: Language) -> None:
    """Copy what the client's project has beside the code, with the contract's version where `@VERSION@` stands."""
    language.out.mkdir(parents=True)
    shutil.copy(ROOT / "LICENSE", language.out)
    project = language.folder / "project"
    for path in sorted(project.rglob("*")):
        if path.is_file():
            target = language.out / path.relative_to(project)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(re.sub("@VERSION@", contract_version(), path.read_text()))
