"""What every container gets before anybody can log in: what is missing is seen, and mended by a shell, for real."""

import hashlib
import os
import shlex
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from provisioning.containers import bootstrap
from provisioning.containers.bootstrap import Bootstrap, File, certificates, facts
from provisioning.problem import Problem

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleEx"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
WHOLE = Bootstrap(KEY, {"site.crt": PEM}, {"sudo": "1.9.13p3-1+deb12u1"})
PLACES = ("SSHD_FILE", "SUDOERS_FILE", "SYSCTL_FILE", "CA_FOLDER")
# Stand-ins for what only a container's root may do: owners are remembered by inode, installed packages by a file.
FAKES = {
    "chown": 'o=${1%%:*}; shift; for f; do echo "$o" >"$OWNERS/$(/usr/bin/stat -c %i "$f")"; done',
    "stat": 'shift 2; for f; do a=$(/usr/bin/stat -c "%a %i" "$f") || exit 1; '
    'echo "${a% *} $(cat "$OWNERS/${a#* }")"; done',
    "getent": '[ -d "$HOME_INSIDE" ] && echo "datalake:x:1000:1000::$HOME_INSIDE:/bin/bash"',
    "passwd": 'echo "datalake L 2026-11-22 0 99999 7 -1"',
    "useradd": 'mkdir -p "$HOME_INSIDE"',
    "usermod": "",
    "dpkg": '[ "$1" != --compare-versions ] || exec /usr/bin/dpkg "$@"; '
    'for deb; do :; done; [ -e "$deb" ] && : >"$OWNERS/installed"',
    "dpkg-query": '[ -e "$OWNERS/installed" ] && echo "installed 1.9.13p3-1+deb12u1"',
    "visudo": "",
    "sshd": "",
    "systemctl": 'case "$1 $2" in is-*ssh) [ -e "$OWNERS/ssh" ] && echo "${1#is-}";; mask*) : >"$OWNERS/masked";; '
    'is-*) [ -e "$OWNERS/masked" ] && case $1 in is-enabled) echo masked;; *) echo inactive; exit 3;; esac;; '
    '*) : >"$OWNERS/ssh";; esac',
    "sysctl": "",
    "ip": "",
    "update-ca-certificates": "echo 1 added",
}

Shell = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Runs a script as `pct exec … sh -ec` would, on a tree of our own with stand-ins for what needs root."""
    for folder in ("bin", "owners", "etc", "root"):
        (tmp_path / folder).mkdir()
    for name, script in FAKES.items():
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/calls\n{script}\n')
        (tmp_path / "bin" / name).chmod(0o755)
    for name in PLACES:
        monkeypatch.setattr(bootstrap, name, str(tmp_path / "etc" / name.lower()))
    monkeypatch.setattr(bootstrap, "HOME", str(tmp_path / "home"))
    monkeypatch.setattr(bootstrap, "KEYS_FILE", str(tmp_path / "home/.ssh/authorized_keys"))
    monkeypatch.setattr(bootstrap, "ROOT_KEYS", str(tmp_path / "root/authorized_keys"))
    (tmp_path / "etc/ca_folder").mkdir()
    own = {"OWNERS": str(tmp_path / "owners"), "HOME_INSIDE": str(tmp_path / "home")}

    def shell(script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["sh", "-ec", script.replace("/run/sshd", str(tmp_path / "run/sshd"))],
            env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", **own}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return shell


def called(folder: Path) -> list[str]:
    lines = (folder / "calls").read_text().splitlines()
    return [line.split()[0] for line in lines if "--compare-versions" not in line]  # which changes nothing


def debs(folder: Path) -> str:
    (folder / "debs").mkdir()
    (folder / "debs/sudo.deb").write_text("")
    return str(folder / "debs")


def steps(missing: Iterable[str]) -> list[str]:
    """The lines that mend these facts, without the two that every script begins with."""
    first, second, *rest = WHOLE.script(list(missing), "/debs").splitlines()
    assert (first, second) == ("set -eu", "umask 022")
    return rest


def test_what_is_as_it_should_be_misses_nothing() -> None:
    assert WHOLE.missing(WHOLE.expected) == []


@pytest.mark.parametrize("fact", WHOLE.expected)
def test_each_fact_that_is_otherwise_or_unknown_is_missing(fact: str) -> None:
    seen = WHOLE.expected
    assert WHOLE.missing({**seen, fact: "otherwise"}) == [fact]
    assert WHOLE.missing({name: value for name, value in seen.items() if name != fact}) == [fact]


def test_a_fact_that_nobody_asked_for_is_not_ours() -> None:
    assert WHOLE.missing({**WHOLE.expected, "package vim": "installed 9"}) == []


def test_an_untouched_container_misses_everything() -> None:
    assert WHOLE.missing({}) == list(WHOLE.expected)


def test_the_files_are_the_rules_of_sshd_and_sudo_the_one_key_and_the_certificates() -> None:
    modes = {file.path: (file.mode, file.owner) for file in WHOLE.files}
    assert modes == {
        "/etc/ssh/sshd_config.d/10-datalake.conf": ("644", "root"),
        "/etc/sudoers.d/datalake": ("440", "root"),
        "/etc/sysctl.d/10-datalake-ipv6.conf": ("644", "root"),
        "/home/datalake/.ssh/authorized_keys": ("600", "datalake"),
        "/usr/local/share/ca-certificates/site.crt": ("644", "root"),
    }
    texts = {Path(file.path).name: file.text for file in WHOLE.files}
    assert texts["authorized_keys"].splitlines() == [f"{KEY} datalake"]
    assert {"PermitRootLogin no", "PasswordAuthentication no", "AllowUsers datalake"} <= {
        *texts["10-datalake.conf"].splitlines()
    }


def test_another_key_is_another_fact_of_its_file_alone() -> None:
    other = Bootstrap(f"{KEY}2", WHOLE.certificates, WHOLE.packages)
    assert other.missing(WHOLE.expected) == ["file /home/datalake/.ssh/authorized_keys"]


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ("user\t/home/datalake:/bin/bash L\n", {"user": "/home/datalake:/bin/bash L"}),
        ("home\t700 datalake 700 datalake \n", {"home": "700 datalake 700 datalake"}),
        ("file /a\t \nfile /b\t644 root 0f\n", {"file /a": "", "file /b": "644 root 0f"}),
        ("", {}),
        ("sh: 1: stat: not found\n", {"sh: 1: stat: not found": ""}),
    ],
)
def test_what_was_printed_is_read_as_facts(printed: str, read: dict[str, str]) -> None:
    assert facts(printed) == read


@pytest.mark.parametrize(
    "script",
    [WHOLE.observe, Bootstrap(KEY, {}, {}).observe, WHOLE.script(list(WHOLE.expected), "/var/cache/debs")],
    ids=["observe", "observe-least", "mend-all"],
)
def test_the_scripts_are_shell(script: str) -> None:
    done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_looking_tells_every_fact_and_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = shell(WHOLE.observe)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert facts(done.stdout).keys() == WHOLE.expected.keys()
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "calls"])
    assert not {*called(tmp_path)} & {"chown", "useradd", "usermod", "dpkg"}, called(tmp_path)


@pytest.mark.parametrize(
    ("version", "missing"),
    [("1.9.13p3-1+deb12u1", []), ("1.9.13p3-1+deb12u3", []), ("1.9.5p2-3", ["package sudo"])],
)
def test_a_site_s_update_of_a_package_is_left_alone(
    shell: Shell, tmp_path: Path, version: str, missing: list[str]
) -> None:
    (tmp_path / "bin/dpkg-query").write_text(f"#!/bin/sh\necho 'installed {version}'\n")
    seen = WHOLE.missing(facts(shell(WHOLE.observe).stdout))
    assert [fact for fact in seen if fact.startswith("package")] == missing


def test_what_is_missing_is_mended_and_then_misses_nothing(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "root/authorized_keys").write_text(KEY)
    missing = WHOLE.missing(facts(shell(WHOLE.observe).stdout))
    assert missing == list(WHOLE.expected)
    mended = shell(WHOLE.script(missing, debs(tmp_path)))
    assert mended.returncode == 0, mended.stderr
    seen = facts(shell(WHOLE.observe).stdout)
    assert seen == WHOLE.expected
    assert not (tmp_path / "debs").exists() and not (tmp_path / "root/authorized_keys").exists()


def test_mending_twice_is_mending_once(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "root/authorized_keys").write_text(KEY)
    shell(WHOLE.script(list(WHOLE.expected), debs(tmp_path)))
    files = ["user", "home", *(fact for fact in WHOLE.expected if fact.startswith("file "))]
    again = shell(WHOLE.script(files, "/debs"))
    assert again.returncode == 0, again.stderr
    assert facts(shell(WHOLE.observe).stdout) == WHOLE.expected


@pytest.mark.parametrize("spoiled", ["etc/sshd_file", "etc/sudoers_file", "home/.ssh/authorized_keys"])
def test_a_file_that_somebody_changed_is_seen_whether_in_text_or_mode(
    shell: Shell, tmp_path: Path, spoiled: str
) -> None:
    (tmp_path / "root/authorized_keys").write_text(KEY)
    shell(WHOLE.script(list(WHOLE.expected), debs(tmp_path)))
    path = tmp_path / spoiled
    mode = path.stat().st_mode
    path.chmod(0o666)
    assert WHOLE.missing(facts(shell(WHOLE.observe).stdout)) == [f"file {path}"]
    path.chmod(mode | 0o200)
    path.write_text("one more line\n")
    path.chmod(mode)
    assert WHOLE.missing(facts(shell(WHOLE.observe).stdout)) == [f"file {path}"]


def test_a_step_that_fails_ends_the_script(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "bin/visudo").write_text("#!/bin/sh\necho 'parse error' >&2\nexit 1\n")
    shell(WHOLE.script(["user", "home"], "/debs"))
    done = shell(WHOLE.script([fact for fact in WHOLE.expected if fact.startswith("file ")], "/debs"))
    assert (done.returncode, done.stderr) == (1, "parse error\n"), done
    assert "systemctl" not in called(tmp_path), "sshd was restarted after a failure"


def test_nothing_missing_needs_no_step() -> None:
    assert steps([]) == []


@pytest.mark.parametrize(
    ("fact", "does", "does_not"),
    [
        ("package sudo", "dpkg ", "useradd"),
        ("user", "usermod --lock", "dpkg"),
        ("home", "chmod 700", "visudo"),
        ("root keys", "rm /root/.ssh/authorized_keys", "chmod"),
        ("file /etc/sudoers.d/datalake", "visudo -cqf /etc/sudoers.d/datalake", "systemctl"),
        ("file /etc/ssh/sshd_config.d/10-datalake.conf", "sshd -t; systemctl restart ssh", "visudo"),
        ("file /home/datalake/.ssh/authorized_keys", "chown datalake:datalake", "systemctl"),
        ("file /usr/local/share/ca-certificates/site.crt", "update-ca-certificates", "systemctl"),
    ],
)
def test_a_missing_fact_is_mended_by_its_own_steps_only(fact: str, does: str, does_not: str) -> None:
    script = "\n".join(steps([fact]))
    assert does in script and does_not not in script, script


def test_packages_and_user_come_before_the_files_that_need_them() -> None:
    script = "\n".join(steps(WHOLE.expected))
    order = [script.index(word) for word in ("dpkg ", "useradd", "chown datalake:datalake $t", "visudo -cqf")]
    assert order[0] < order[1] < order[2] and order[0] < order[3], script


@pytest.mark.parametrize("text", ["", "one line\n", "no end", "$HOME `id` 'x' \"y\" \\ %s\n", "ü\n", "x\n" * 5000])
def test_a_file_is_written_word_for_word_with_its_mode_and_owner(shell: Shell, tmp_path: Path, text: str) -> None:
    path = tmp_path / "etc/file"
    path.write_text("old")
    done = shell(f"set -eu\n{File(str(path), text, '640', 'datalake').script}")
    assert done.returncode == 0, done.stderr
    assert (path.read_text(encoding="utf-8"), f"{path.stat().st_mode & 0o777:o}") == (text, "640")
    assert (tmp_path / "calls").read_text().startswith("chown datalake:datalake "), "the owner was not set"
    assert [entry.name for entry in path.parent.iterdir() if entry.is_file()] == ["file"], "a draft was left"


def test_the_facts_of_a_file_are_its_mode_owner_and_sum() -> None:
    digest = hashlib.sha256(b"x\n").hexdigest()
    assert File("/etc/x", "x\n", "440", "root").facts == f"440 root {digest}"


def test_a_file_is_never_seen_half_written(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "etc/file"
    path.write_text("old")
    (tmp_path / "bin/chown").write_text(f"#!/bin/sh\ncat {shlex.quote(str(path))}\nexit 1\n")
    done = shell(f"set -eu\n{File(str(path), 'new', '640', 'datalake').script}")
    assert done.returncode != 0, "a failing chown went unnoticed"
    assert (done.stdout, path.read_text()) == ("old", "old")


def test_certificates_get_the_name_under_which_debian_takes_them(tmp_path: Path) -> None:
    (tmp_path / "site-ca.pem").write_text(PEM)
    assert certificates((str(tmp_path / "site-ca.pem"),)) == {"site-ca.crt": PEM}
    assert certificates(()) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"\x30\x82\xff", "cannot be read"), (b"just text", "is no PEM certificate")],
    ids=["missing", "der", "text"],
)
def test_what_is_no_certificate_is_refused_by_its_path(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Problem) as caught:
        certificates((str(path),))
    line = str(caught.value)
    assert line.startswith(f"ca_files {path}: {said}"), line
    assert os.linesep not in line, line


def test_a_ca_file_gets_a_name_that_no_shell_can_misread(tmp_path: Path) -> None:
    (tmp_path / "my ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    assert list(certificates((str(tmp_path / "my ca.pem"),))) == ["my-ca.crt"]


def test_two_ca_files_of_one_name_are_refused_and_none_is_lost(tmp_path: Path) -> None:
    files = tuple(str(tmp_path / folder / "ca.pem") for folder in ("a", "b"))
    with pytest.raises(Problem, match="has the name of another"):
        certificates(files)
