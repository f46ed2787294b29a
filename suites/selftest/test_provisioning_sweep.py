"""`python -m provisioning sweep`: what is test-made and what is not, and that nothing goes without a yes."""

import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from thrift.transport.TTransport import TTransportException

from fixtures import leftovers, tables
from provisioning import commands as cli
from provisioning import secrets, sweep, temporary
from provisioning.problem import Problem
from provisioning.secrets import variable
from provisioning.services import SERVICES, client_secrets
from provisioning.sweep import Leftover, Namespace, decide

WAREHOUSE, BACKUPS = "s3://lake/warehouse", "backups"
OURS = "t_0badcafe_gw0_1"
DRAFT = "orders__restoring_89abcdef"
SITE = """format = 1
extends = "plan"
name = "site"
target = "site"
impact = "{impact}"
[services.minio]
host = "127.0.0.1"
port = 1
"""

Run = Callable[..., tuple[int, str, str]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Lakehouse:
    """Stands for the services: what is there, and what was removed."""

    def __init__(self, *there: Leftover) -> None:
        self.there, self.removed = list(there), list[Leftover]()

    def survey(self) -> sweep.Decision:
        return sweep.Decision(tuple(self.there), ("table a.b: a reason",))

    def describe(self, leftover: Leftover) -> list[str]:
        return [f"objects {leftover.place} (1)"]

    def remove(self, leftover: Leftover) -> list[str]:
        self.there.remove(leftover)
        self.removed.append(leftover)
        return self.describe(leftover)


@pytest.fixture
def lakehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lakehouse:
    there = Lakehouse(Leftover(f"{WAREHOUSE}/{OURS}.db/"))
    monkeypatch.setattr(cli, "Sweeper", lambda _: there)
    monkeypatch.setattr(secrets.required, "__defaults__", (tmp_path / ".env",))
    monkeypatch.setenv("DATALAKE_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "LABS", tmp_path / "labs")
    for name in client_secrets(SERVICES):
        monkeypatch.setenv(variable(name), "secret")
    return there


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run(*argv, impact=, answer=, terminal=)`: sweeps a site; exit code, stdout and stderr."""

    def run(*argv: str, impact: str = "write", answer: str = "", terminal: bool = False) -> tuple[int, str, str]:
        (tmp_path / "site.toml").write_text(SITE.format(impact=impact), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", Terminal(answer) if terminal else io.StringIO(answer))
        code = cli.main(["sweep", "--inventory", str(tmp_path / "site.toml"), *argv])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("name", [OURS, "t_01234567_main_12", "t_ffffffff_gw11_3", "t_0badcafe_planted"])
def test_a_namespace_that_tests_name_is_theirs(name: str) -> None:
    assert sweep.is_namespace(name)


@pytest.mark.parametrize(
    "name",
    ["t_shirts", "tests", "default", "t_0badcafe", "t_0badcafe_", "t_0badcaf_gw0_1", "t_0badcafe0_gw0_1",
     "t_0BADCAFE_gw0_1", "t_0badcafe_sales", "t_00012345_orders", "t_20261122_main_1", "xt_0badcafe_gw0_1",
     "t_0badcafe_gw0_1\n", "t_0badcafe_gw0_1_copy", "t_0badcafe_gw٣_1", "t_badcoffee_gw0_1"],
)  # fmt: skip
def test_a_namespace_that_people_name_is_not(name: str) -> None:
    assert not sweep.is_namespace(name)


@pytest.mark.parametrize(
    ("prefix", "is_ours"),
    [("tests/0badcafe/", True), ("tests/0badcafe", False), ("tests/", False), ("tests/mine/", False),
     ("tests/20261122/", False), ("tests/99999999/", True), ("tests/0badcafe/gw0/", False),
     ("my/tests/0badcafe/", False)],
)  # fmt: skip
def test_backups_are_a_runs_own_by_their_prefix(prefix: str, is_ours: bool) -> None:
    assert sweep.is_backups(prefix) is is_ours


@pytest.mark.parametrize(
    ("table", "location", "is_ours"),
    [(DRAFT, "s3://lake/w/shop.db/orders-01234567", True), (DRAFT, "s3a://lake/w/shop.db/Orders-01234567/", True),
     (DRAFT, "s3://lake/w/shop.db/orders", False), (DRAFT, "s3://lake/w/shop.db", False), (DRAFT, "", False),
     (DRAFT, "s3://lake/w/shop.db/others-01234567", False), ("x__restoring_soon", "s3://lake/w/s.db/x-01234567", False),
     ("__restoring_89abcdef", "s3://lake/w/s.db/-01234567", False),
     (f"{DRAFT}0", "s3://lake/w/s/orders-01234567", False),
     ("orders_restoring_89abcdef", "s3://lake/w/s.db/orders-01234567", False),
     ("orders__restoring_20261122", "s3://lake/w/s.db/orders-01234567", False)],
)  # fmt: skip
def test_a_draft_is_one_by_its_name_and_its_place(table: str, location: str, is_ours: bool) -> None:
    assert sweep.is_draft(table, location) is is_ours


def decided(namespaces: Mapping[str, Namespace], *places: str) -> list[Leftover]:
    return list(decide(namespaces, places, WAREHOUSE, BACKUPS).leftovers)


def at(name: str, **tables: str) -> Namespace:
    return Namespace(f"{WAREHOUSE}/{name}.db", tables)


def test_a_tests_namespace_goes_with_its_tables_and_objects() -> None:
    place = f"{WAREHOUSE}/{OURS}.db/"
    there = {OURS: at(OURS, a=f"{place}a", b=""), "shop": at("shop", a=f"{WAREHOUSE}/shop.db/a")}
    assert decided(there, place, f"{WAREHOUSE}/shop.db/") == [Leftover(place, (f"{OURS}.a", f"{OURS}.b"), OURS)]


def test_objects_of_a_namespace_that_is_gone_and_of_a_backup_go() -> None:
    lost, backup = f"{WAREHOUSE}/{OURS}.db/", "s3://backups/tests/0badcafe/"
    strangers = ("s3://backups/mine/", f"{WAREHOUSE}/t_shirts.db/", f"{WAREHOUSE}/{OURS}/", "s3://lake/tests/0badcafe/")
    assert decided({}, lost, backup, *strangers) == [Leftover(backup), Leftover(lost)]


def test_a_draft_goes_with_its_objects_and_the_restored_table_stays() -> None:
    place = f"{WAREHOUSE}/shop.db/orders-"
    there = {"shop": at("shop", **{DRAFT: f"{place}01234567", "orders": f"{place}76543210"})}
    assert decided(there) == [Leftover(f"{place}01234567/", (f"shop.{DRAFT}",))]


@pytest.mark.parametrize("place", ["file:///tmp/orders-01234567", "s3://elsewhere/orders-01234567", "s3://lake/x"])
def test_a_draft_in_a_place_that_no_restore_gives_is_kept_and_said(place: str) -> None:
    found = decide({"shop": at("shop", **{DRAFT: place})}, (), WAREHOUSE, BACKUPS)
    assert found.leftovers == () and place in found.kept[0], f"{found}"


def test_a_namespace_of_a_tests_name_elsewhere_is_kept_with_its_objects() -> None:
    found = decide({OURS: Namespace("s3://lake/mine", {})}, (f"{WAREHOUSE}/{OURS}.db/",), WAREHOUSE, BACKUPS)
    assert found.leftovers == () and "s3://lake/mine" in found.kept[0], f"{found}"


@pytest.mark.parametrize(
    "where", [f"{WAREHOUSE}/{OURS}.db/a", f"{WAREHOUSE}/{OURS}.db", "s3a://backups/tests/0badcafe/t"]
)
def test_objects_that_a_users_table_needs_are_kept(where: str) -> None:
    there = {OURS: at(OURS), "shop": at("shop", mine=where)}
    backup = "s3://backups/tests/0badcafe/"
    found = decide(there, (backup,), WAREHOUSE, BACKUPS)
    assert len(found.leftovers) == len(found.kept) == 1 and "shop.mine" in found.kept[0], f"{found}"


def test_the_fixtures_give_the_names_that_sweep_knows() -> None:
    made: list[str] = []
    catalog = SimpleNamespace(create_namespace=lambda name, _: made.append(name), drop_namespace=made.remove)
    catalog.list_tables = lambda _: []
    store = SimpleNamespace(list_objects=lambda *_, **__: [], remove_objects=lambda *_: [])
    lake = SimpleNamespace(warehouse=WAREHOUSE, backup_bucket=BACKUPS, catalog=catalog)
    config = SimpleNamespace(getoption=lambda _: True)
    for worker in ("main", "gw0", "gw15"):
        arguments: tuple[Any, ...] = (lake, store, "0badcafe", worker, config)
        name = next(tables.make_namespace.__wrapped__(*arguments))()  # type: ignore[attr-defined]
        place = next(tables.make_place.__wrapped__(*arguments))()  # type: ignore[attr-defined]
        assert sweep.is_namespace(name), f"{name} would never be swept"
        assert place.startswith(f"s3://{BACKUPS}/{leftovers.backup_prefix('0badcafe')}"), place
    assert sweep.is_backups(leftovers.backup_prefix("0badcafe"))


def test_no_prefix_at_all_is_never_listed() -> None:
    for place in ("s3://lake/", "s3://lake", "s3:///x/", "s3://lake/warehouse"):
        with pytest.raises(ValueError, match="is no s3"):
            sweep._bucket_and_prefix(place)


@pytest.mark.parametrize("name", ["datalake-stack-ab12_xyz", "datalake-code-abcdefgh", "datalake-oracle-abcdefgh"])
def test_an_old_folder_of_ours_goes_and_one_in_use_does_not(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "file").touch()
    os.utime(tmp_path / name, (1, 1))
    assert not temporary.is_old_folder(tmp_path / name, 1000, os.getuid()), "a file in it is young"
    os.utime(tmp_path / name / "file", (1, 1))
    assert temporary.is_old_folder(tmp_path / name, 1000, os.getuid())
    assert not temporary.is_old_folder(tmp_path / name, 1000, os.getuid() + 1), "it is another user's"


@pytest.mark.parametrize("name", ["datalake-stack-", "datalake-0-2e274574d043", "datalake-stack-mine-2026", "mine"])
def test_an_old_folder_of_another_name_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    os.utime(tmp_path / name, (1, 1))
    assert not temporary.is_old_folder(tmp_path / name, 1000, os.getuid())


def test_a_link_and_a_file_of_our_name_stay(tmp_path: Path) -> None:
    (tmp_path / "datalake-code-abcdefgh").symlink_to(tmp_path)
    (tmp_path / "datalake-code-ijklmnop").touch()
    late = 2**40
    for path in tmp_path.iterdir():
        assert not temporary.is_old_folder(path, late, os.getuid()), path


def test_nothing_goes_without_a_terminal_and_without_a_yes(run: Run, lakehouse: Lakehouse) -> None:
    assert run(answer="y\n") == (2, "", "sweep: not asked on a terminal: say --yes\n")
    assert lakehouse.removed == []


@pytest.mark.parametrize("answer", ["n\n", "\n", "yess\n"])
def test_nothing_goes_after_a_no(run: Run, lakehouse: Lakehouse, answer: str) -> None:
    code, out, err = run(answer=answer, terminal=True)
    assert code == 2 and out.startswith("would remove objects ") and err.endswith("kept\n"), out + err
    assert "still going" in out, f"the question does not warn: {out}"
    assert lakehouse.removed == []


@pytest.mark.parametrize(("argv", "terminal"), [(["--yes"], False), (["--yes"], True), ([], True)])
def test_after_a_yes_it_goes_and_is_counted(run: Run, lakehouse: Lakehouse, argv: list[str], terminal: bool) -> None:
    code, out, err = run(*argv, answer="y\n", terminal=terminal)
    assert code == 0 and out.endswith(f"removed objects {WAREHOUSE}/{OURS}.db/ (1)\n1 swept\n"), out + err
    assert err == "kept table a.b: a reason\n"
    assert run("--yes")[:2] == (0, "nothing to sweep\n")


def test_a_dry_run_asks_nothing_and_removes_nothing_even_where_tests_may_only_observe(
    run: Run, lakehouse: Lakehouse
) -> None:
    for impact in ("observe", "write"):
        code, out, _ = run("--dry-run", "--yes", impact=impact)
        assert (code, out) == (0, f"would remove objects {WAREHOUSE}/{OURS}.db/ (1)\n1 to sweep\n")
    assert lakehouse.removed == []


def test_where_tests_may_only_observe_nothing_is_removed(run: Run, lakehouse: Lakehouse) -> None:
    code, out, err = run("--yes", impact="observe")
    assert (code, out, lakehouse.removed) == (2, "", []), err
    assert "impact 'observe'" in err and err.count("\n") == 1, err


def test_old_folders_are_swept_too(run: Run, lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder = tmp_path / "datalake-oracle-abcdefgh"
    folder.mkdir()
    os.utime(folder, (1, 1))
    lakehouse.there.clear()
    assert run("--dry-run")[:2] == (0, f"would remove folder {folder}\n1 to sweep\n")
    assert run("--yes")[:2] == (0, f"removed folder {folder}\n1 swept\n")
    assert not folder.exists()


def test_a_dead_service_is_one_line_and_nothing_is_removed(
    run: Run, lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "Sweeper", sweep.Sweeper)
    code, out, err = run("--yes")
    assert (code, out) == (3, ""), err
    assert err.startswith("provisioning sweep: minio at http://127.0.0.1:1: no answer: ") and err.count("\n") == 1, err


def test_what_a_restore_has_finished_meanwhile_keeps_its_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    sweeper = object.__new__(sweep.Sweeper)
    monkeypatch.setattr(sweep.Sweeper, "_dropped", lambda self, name: False)
    monkeypatch.setattr(sweep.Sweeper, "_remove_objects", lambda self, place: pytest.fail(f"{place} was removed"))
    assert list(sweeper.remove(Leftover("s3://lake/w/orders-01234567/", (f"shop.{DRAFT}",)))) == []


def test_what_a_library_raises_is_one_line() -> None:
    with pytest.raises(Problem, match="somewhere: TTransportException: gone"), sweep._told("somewhere"):
        raise TTransportException(message="gone")


def test_help_says_that_runs_lose_their_tables(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["sweep", "--help"])
    assert "STILL GOING" in capsys.readouterr().out


def test_a_throw_away_lab_is_old_after_a_day_and_only_to_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "LABS", tmp_path)
    for name in ("datalake-lab-abc", "datalake-laboratory", "other"):
        (tmp_path / name).mkdir()
    made = (tmp_path / "datalake-lab-abc").stat().st_mtime
    for user, now, seen in ((0, made + 90_000, ["datalake-lab-abc"]), (0, made + 3600, []), (1000, made + 90_000, [])):
        monkeypatch.setattr("os.geteuid", lambda user=user: user)
        assert [path.name for path in temporary.old_labs(now)] == seen, f"user {user}"
