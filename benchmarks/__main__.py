"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from benchmarks import calls, concurrency, flow, imports, install, load, memory, pages, profile, report
from benchmarks.environments import UnavailableError, machine, published
from benchmarks.report import Found, Row

_BENCHMARKS = {
    one.__name__.rpartition(".")[2]: one
    for one in (calls, pages, imports, install, concurrency, memory, flow, load, profile)
}


def main() -> int:
    """Run what the command line names, and return 1 if a target is not met."""
    parser = _parser()
    options = parser.parse_args()
    names = options.names or list(_BENCHMARKS)
    if unknown := [name for name in names if name not in _BENCHMARKS]:
        parser.error(f"there is no benchmark {', '.join(unknown)}: there is {', '.join(_BENCHMARKS)}")
    if options.write and (options.names or options.quick):
        parser.error("a page gets the figures of a whole run")
    _, missing = published()
    found = Found(notes=[missing] if missing else [])
    for name in names:
        start = time.perf_counter()
        print(f"{name} ...", end=" ", flush=True, file=sys.stderr)
        try:
            found.add(_BENCHMARKS[name].run(quick=options.quick))
        except UnavailableError as error:
            found.notes.append(f"{name} is left out: {error}.")
        except Exception as error:  # noqa: BLE001 - what the others found is not to be lost
            traceback.print_exc()
            found.rows.append(Row(name, None, "failed"))
            found.notes.append(f"{name} failed: {error}")
        print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    if options.write and all(row.value is not None for row in found.rows):
        report.write(options.write, report.markdown(found, machine()))
    print((report.markdown if options.markdown else report.text)(found, machine()))
    return int(found.failed)


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, _BENCHMARKS))
    listed = [f"  {name:{width}}  {(one.__doc__ or '').splitlines()[0]}" for name, one in _BENCHMARKS.items()]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure this SDK beside httpx, the standard library and the platform's published client.",
        epilog="\n".join(["benchmarks:", *listed, "", "The exit code is 1 where a target is not met."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="a benchmark (default: all)")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    parser.add_argument("--markdown", action="store_true", help="print for a page")
    parser.add_argument(
        "--write", metavar="PAGE", type=Path, help="put it into a page too, if all ran, between its two marks"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
