"""The README says only what is true: its commands exist, its lines are those that run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODULES = sorted({*re.findall(r"python -m ([a-z_.]+)", README)})
COMMANDS = [line.strip() for line in README.splitlines() if line.strip().startswith(("python -m", "pytest "))]


@pytest.mark.parametrize("module", MODULES)
def test_every_command_of_the_readme_has_help(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0 and "usage:" in done.stdout, f"{module}: exit {done.returncode}: {done.stderr}"


@pytest.mark.parametrize("line", sorted({c for c in COMMANDS if c.startswith("python -m provisioning ")}))
def test_every_provisioning_command_of_the_readme_is_understood(line: str) -> None:
    from provisioning.arguments import parser

    words = line.partition("#")[0].split()[3:]
    parser().parse_args(words)


@pytest.mark.parametrize("line", sorted({c for c in COMMANDS if "spark_jobs." in c}))
def test_every_job_of_the_readme_takes_its_arguments(line: str) -> None:
    from importlib import import_module

    from spark_jobs.command import parser

    words = line.partition("#")[0].split()[2:]
    parser(import_module(words[0]).Arguments, None).parse_args(words[1:])


@pytest.mark.parametrize(
    "path", sorted({*re.findall(r"(?:suites|spark_jobs|provisioning|fixtures|reports)/[\w./]+\w", README)})
)
def test_every_path_of_the_readme_is_there(path: str) -> None:
    generated = path.startswith("reports/out")
    assert generated or (ROOT / path).exists(), f"README names {path}"


@pytest.mark.parametrize(
    "target", sorted({*re.findall(r"`?make ([a-z-]+)`?(?= |`|$|,)", README, re.MULTILINE)} - {"it"})
)
def test_every_make_target_of_the_readme_is_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"README names make {target}"


def test_the_readme_shows_the_lines_that_conformance_runs() -> None:
    script = (ROOT / ".ci/conformance").read_text().replace('"$run"', "RUN")
    judged = re.findall(r"judge (suites/[^\n]+)", script)
    script += "".join(f"worst pytest {line} --inventory local --run RUN\n" for line in judged)
    lines = re.findall(r"(?:worst )((?:pytest|python) [^\n]+)|^(python -m [^\n|]+?)(?: \|\||$)", script, re.MULTILINE)
    shown = [line for found in lines if '"$@"' not in (line := next(filter(None, found)).strip())]
    assert len(shown) >= 6, f"only {shown} were found in the script"
    missing = [line for line in shown if line not in README]
    assert not missing, f"README does not show {missing}"


def test_ci_runs_the_readmes_test_command_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[-1] == "exec make test", lines
    assert "make test " in README, "README does not name make test"


def test_requirements_are_pinned_with_hashes_and_each_has_a_reason() -> None:
    asked = [line for line in (ROOT / "requirements.in").read_text().splitlines() if re.match(r"[a-zA-Z]", line)]
    pinned = (ROOT / "requirements.txt").read_text()
    names = re.findall(r"^([a-z0-9-]+)==\S+ .*\\$", pinned, re.MULTILINE)
    assert len(names) > 40 and pinned.count("--hash=sha256:") >= len(names), "requirements.txt has no hashes"
    for line in asked:
        name = re.split(r"[\[=# ]", line)[0].lower()
        assert name in names, f"{name} is asked for and not pinned: make lock"


def test_no_figure_is_missing() -> None:
    assert not re.findall(r"@[A-Z]+@", README), "a placeholder stands where a measured figure should"
