"""Measure pycrm beside its peers: each in its own process and environment, in turn, on the same data.

A case is a program that prints one JSON object; its `seconds` (best of its own warm repeats) are compared. Runs are
interleaved (A B C A B C ...), the ratio is taken round by round, and the median ratio is what counts: machines drift.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "RESULTS.md"


def environment(group: str | None) -> str:
    """Return the Python of the environment of one dependency group, made on first use; None is the running one."""
    if group is None:
        return sys.executable
    folder = HERE / ".envs" / group
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-U", "pip"], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--group", f"{ROOT / 'pyproject.toml'}:{group}"], check=True
        )
        (folder / "ready").touch()
    return str(python)


def run(python: str, program: str, *arguments: str, timeout: float = 900.0) -> dict:
    """Run one case once; return what it printed last, with the wall time of the whole process and its peak memory."""
    started = time.perf_counter()
    script = (
        "import resource, runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__');"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [python, "-c", script, program, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"}
    *_, answer, peak = done.stdout.strip().splitlines()
    return {**json.loads(answer), "process_seconds": time.perf_counter() - started, "peak_mib": int(peak) / 1024}


def interleave(cases: dict[str, tuple[str | None, str, list[str]]], *, rounds: int = 3) -> dict[str, list[dict]]:
    """Run every case (name -> group, program, arguments) `rounds` times, in turn."""
    found: dict[str, list[dict]] = {name: [] for name in cases}
    for turn in range(rounds):
        for name, (group, program, arguments) in cases.items():
            print(f"\rround {turn + 1}/{rounds}: {name:<40}", end="", file=sys.stderr, flush=True)
            found[name].append(run(environment(group), str(HERE / program), *arguments))
    print(file=sys.stderr)
    return found


def ratio(found: dict[str, list[dict]], peer: str, ours: str, key: str = "seconds") -> float | None:
    """Return the median over the rounds of peer / ours; None where the peer failed."""
    pairs = [(a.get(key), b.get(key)) for a, b in zip(found[peer], found[ours], strict=True)]
    ratios = [a / b for a, b in pairs if a is not None and b]
    return median(ratios) if ratios else None


def table(rows: list[dict]) -> str:
    """Return `rows` as a Markdown table."""
    heads = list(rows[0])
    shown = [
        [
            "-" if row[head] is None else f"{row[head]:.4g}" if isinstance(row[head], float) else str(row[head])
            for head in heads
        ]
        for row in rows
    ]
    return "\n".join(
        [
            "| " + " | ".join(heads) + " |",
            "|" + "---|" * len(heads),
            *("| " + " | ".join(cells) + " |" for cells in shown),
        ]
    )


def record(section: str, text: str, *, versions: dict[str, str] | None = None) -> None:
    """Write one section of RESULTS.md, in place of its last one."""
    start, end = f"<!-- {section} -->", f"<!-- end {section} -->"
    made = ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {version}" for name, version in (versions or {}).items())]
    )
    block = f"{start}\n## {section}\n\n{datetime.now(UTC):%Y-%m-%d}; {made}\n\n{text}\n{end}"
    page = (
        RESULTS.read_text()
        if RESULTS.exists()
        else "# Results\n\nEach section is written by its program in this folder; ratios carry over between machines, seconds do not.\n"
    )
    if start in page:
        before, rest = page.split(start, 1)
        page = before + block + rest.split(end, 1)[1]
    else:
        page = page.rstrip() + "\n\n" + block + "\n"
    RESULTS.write_text(page)
