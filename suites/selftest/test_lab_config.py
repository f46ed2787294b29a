"""Containers' configuration files in Proxmox's format (facts: Proxmox, §1.1)."""

import hashlib
from pathlib import Path

import pytest

from provisioning.lab import config
from provisioning.lab.config import Config
from provisioning.lab.refused import Missing, Refused
from provisioning.lab.settings import Settings

TEXT = """\
#kafka%3A the broker
#second line
cores: 2
hostname: kafka
memory: 4096
lxc.prlimit.nofile: 1024

[pve:pending]
delete: searchdomain,tags
nameserver: 192.168.4.25

[before-upgrade]
memory: 1024
parent: none
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("lxc", "run"):
        (tmp_path / name).mkdir()
    return Settings("t", tmp_path, tmp_path, "10.0.0.2", 24, "10.0.0.1", "vmbr0")


def test_a_file_is_read_by_sections_so_that_a_snapshot_does_not_count() -> None:
    found = config.parse(TEXT)
    assert found.current == {
        "cores": "2",
        "hostname": "kafka",
        "memory": "4096",
        "description": found.current["description"],
    }
    assert found.pending == {"nameserver": "192.168.4.25"}
    assert found.deleted == ("searchdomain", "tags")
    assert found.raw == (("lxc.prlimit.nofile", "1024"),)
    assert list(found.snapshots) == ["before-upgrade"]


def test_a_description_is_decoded_from_comment_lines() -> None:
    assert config.parse(TEXT).current["description"] == "kafka: the broker\nsecond line"


def test_what_is_read_is_written_again_the_same() -> None:
    assert config.render(config.parse(TEXT)) == TEXT


@pytest.mark.parametrize("line", ["", "Cores: 4", "cores=4", "[open", "no colon"])
def test_lines_of_no_known_form_are_skipped(line: str) -> None:
    assert config.parse(f"cores: 2\n{line}\n").current == {"cores": "2"}


def test_pending_values_are_merged_for_who_does_not_ask_for_the_current_ones() -> None:
    known = Config({"nameserver": "a", "tags": "x"}, {"nameserver": "b"}, ("tags",))
    assert known.merged() == {"nameserver": "b"}
    assert known.started() == Config({"nameserver": "b"})


def test_a_pending_value_that_equals_the_current_one_is_dropped() -> None:
    known = Config({"nameserver": "a"}, {"nameserver": "b"})
    assert known.changed({}, {"nameserver": "a"}) == Config({"nameserver": "a"})


def test_a_change_at_once_leaves_nothing_of_it_pending() -> None:
    known = Config({"memory": "512"}, {"memory": "1024"})
    assert known.changed({"memory": "2048"}, {}) == Config({"memory": "2048"})


def test_deleting_what_runs_is_pending_and_setting_it_again_takes_that_back() -> None:
    known = Config({"nameserver": "a"}).without((), ("nameserver",))
    assert known.deleted == ("nameserver",)
    assert known.changed({}, {"nameserver": "a"}) == Config({"nameserver": "a"})


def test_deleting_what_is_only_pending_leaves_nothing() -> None:
    assert Config({}, {"nameserver": "a"}).without((), ("nameserver",)) == Config({})


def test_reverting_drops_what_is_pending_and_keeps_the_current() -> None:
    assert Config({"tags": "x"}, {"nameserver": "b"}, ("tags",)).reverted(["nameserver", "tags"]) == Config(
        {"tags": "x"}
    )


def test_a_file_is_for_its_group_only_and_has_a_digest(settings: Settings) -> None:
    config.save(settings, 109, Config({"memory": "512"}))
    file = config.path(settings, 109)
    assert file.stat().st_mode & 0o777 == 0o640
    assert config.digest("memory: 512\n") == hashlib.sha1(file.read_bytes()).hexdigest()
    assert config.vmids(settings) == [109]


def test_a_container_that_there_is_not_is_told_as_proxmox_tells_it(settings: Settings) -> None:
    with pytest.raises(Missing, match=r"Configuration file 'nodes/pve/lxc/109\.conf' does not exist"):
        config.load(settings, 109)


def test_a_container_that_another_holds_is_refused_in_time(settings: Settings) -> None:
    with config.locked(settings, 109), pytest.raises(Refused, match="can't lock file"), config.locked(settings, 109, 0):
        raise AssertionError("locked twice")
    with config.locked(settings, 109, 0):
        pass
