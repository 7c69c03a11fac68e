"""Who PostgreSQL runs as: the owner of its files first, and nobody silently instead of a wish."""

import os
import pwd
from pathlib import Path

import pytest

from gateway.store.embedded import UnsuitableUser
from gateway.store.embedded.user import account, choose_server_user, first_unreachable

AS_ROOT = os.geteuid() == 0
NAMELESS = 54321


def test_an_ordinary_user_runs_it_as_himself() -> None:
    if AS_ROOT:
        pytest.skip("NOT TESTED here: root never runs it as himself")
    assert choose_server_user(None, None).is_us
    assert choose_server_user(None, os.geteuid()).is_us
    with pytest.raises(UnsuitableUser, match="only root"):
        choose_server_user(None, 1)


def test_root_prefers_the_account_made_for_it_and_then_nobody() -> None:
    if not AS_ROOT:
        pytest.skip("NOT TESTED: not root, so there is no choice")
    known = {entry.pw_name for entry in pwd.getpwall()}
    expected = "postgres" if "postgres" in known else "nobody"
    assert choose_server_user(None, None).name == expected
    assert choose_server_user("nobody", None).name == "nobody"


def test_the_owner_of_the_files_wins_over_the_default_and_not_over_a_wish() -> None:
    if not AS_ROOT:
        pytest.skip("NOT TESTED: not root, so there is no choice")
    daemon = pwd.getpwnam("daemon")
    assert choose_server_user(None, daemon.pw_uid).name == "daemon"
    with pytest.raises(UnsuitableUser, match="nobody was asked for"):
        choose_server_user("nobody", daemon.pw_uid)


@pytest.mark.parametrize("wished", ["root", "no-such-account"])
def test_who_cannot_run_it_is_refused(wished: str) -> None:
    with pytest.raises(UnsuitableUser):
        choose_server_user(wished, None)


def test_a_user_without_a_name_is_refused() -> None:
    with pytest.raises(UnsuitableUser, match="passwd"):
        account(NAMELESS)


def test_the_first_folder_that_blocks_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "dicht 'en' \n gesloten"
    (closed / "diep").mkdir(parents=True)
    closed.chmod(0o600)
    us = account(os.geteuid())
    other = us if not AS_ROOT else choose_server_user("nobody", None)
    found = first_unreachable(other, [closed / "diep"])
    assert found is not None
    assert closed.is_relative_to(found)
    assert first_unreachable(other, [Path("/bin/sh")]) is None
    closed.chmod(0o700)
