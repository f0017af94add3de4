"""Secrets come from where the configuration names, or not at all."""

from __future__ import annotations

from pathlib import Path

import keyring
import pytest
from keyring.errors import KeyringLocked, NoKeyringError
from pydantic import SecretStr

from leadsla.cli.exits import end_of
from leadsla.secret_names import SecretMissing, resolve, rewrite
from leadsla.settings import load
from leadsla.wiring import SecretsMissing, connection_of

HUBSPOT = "https://api.hubapi.com"
LOCAL = "http://127.0.0.1:8702"


def test_an_environment_variable_is_read_and_never_shown():
    secret = resolve("env:TOKEN", HUBSPOT, {"TOKEN": "canary-1"})
    assert secret.get_secret_value() == "canary-1"
    assert "canary-1" not in repr(secret)


def test_a_private_file_is_read(tmp_path):
    path = tmp_path / "token"
    path.write_text("canary-2\n")
    path.chmod(0o600)
    assert resolve(f"file:{path}", HUBSPOT).get_secret_value() == "canary-2"


def test_a_file_that_others_can_read_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "token"
    path.write_text("canary-3")
    path.chmod(0o644)
    with pytest.raises(SecretMissing, match="chmod 600") as refusal:
        resolve(f"file:{path}", HUBSPOT)
    assert "canary-3" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "url", "says"),
    [
        ("env:NOT_THERE", HUBSPOT, r"NOT_THERE is not set - export NOT_THERE=\.\.\."),
        ("env:", HUBSPOT, 'write "env:NAME"'),
        ("keyring:crm", HUBSPOT, "keyring:SERVICE/USER"),
        ("file:/no/such/file", HUBSPOT, "there is no file"),
        ("practice", HUBSPOT, "practice CRM on this machine"),
        ("pat-eu1-canary", HUBSPOT, "never written here"),  # somebody pasted the secret itself
    ],
)
def test_what_cannot_be_had_says_what_to_do_and_leaks_nothing(name, url, says):
    with pytest.raises(SecretMissing, match=says) as refusal:
        resolve(name, url, {})
    assert "canary" not in str(refusal.value)


def test_the_practice_password_opens_only_this_machine():
    assert resolve("practice", LOCAL).get_secret_value() == "localcrm"


def test_a_wrong_mode_has_one_remedy(tmp_path):
    path = tmp_path / "token"
    path.write_text("canary-4")
    path.chmod(0o640)
    with pytest.raises(SecretMissing) as refusal:
        resolve(f"file:{path}", HUBSPOT)
    assert refusal.value.remedy == f"chmod 600 {path}"


def test_a_file_that_holds_no_secret_is_told(tmp_path):
    path = tmp_path / "token"
    path.write_bytes(b" \n")
    path.chmod(0o600)
    with pytest.raises(SecretMissing, match="is empty"):
        resolve(f"file:{path}", HUBSPOT)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SecretMissing, match="no text in UTF-8"):
        resolve(f"file:{path}", HUBSPOT)


def test_a_machine_without_a_keyring_and_an_empty_keyring_are_told_apart(monkeypatch):
    def none(*_):
        raise NoKeyringError

    monkeypatch.setattr(keyring, "get_password", none)
    with pytest.raises(SecretMissing, match="this machine has no keyring"):
        resolve("keyring:crm/leadsla", HUBSPOT)
    monkeypatch.setattr(keyring, "get_password", lambda *_: None)
    with pytest.raises(SecretMissing, match="keyring set crm leadsla"):
        resolve("keyring:crm/leadsla", HUBSPOT)


def test_every_missing_secret_of_a_connection_is_told_at_once():
    settings = load(Path(__file__).parents[2] / "config.toml").connections["salesforce"]
    auth = {"kind": "client_credentials", "client_id": "env:NO_ID", "client_secret": "env:NO_SECRET"}
    with pytest.raises(SecretsMissing, match=r"NO_ID.*NO_SECRET") as refusal:
        connection_of("salesforce", settings.model_copy(update={"auth": auth}))
    assert [one.where for one in refusal.value.problems] == [
        "connections.salesforce.auth.client_id",
        "connections.salesforce.auth.client_secret",
    ]
    assert "What to do" not in end_of(refusal.value).message, "the remedy stands with each already"


def test_a_renewed_secret_replaces_the_old_one_where_the_name_points_also_through_a_link(tmp_path):
    path, link = tmp_path / "token", tmp_path / "link"
    path.write_text("canary-5")
    path.chmod(0o600)
    link.symlink_to(path)
    rewrite(f"file:{link}", SecretStr("canary-6"))
    assert link.is_symlink()
    assert path.read_text().strip() == "canary-6"
    assert path.stat().st_mode & 0o777 == 0o600
    assert resolve(f"file:{link}", HUBSPOT) == SecretStr("canary-6")


def test_a_renewed_secret_goes_into_the_keyring_it_came_from(monkeypatch):
    ring = {}
    monkeypatch.setattr(keyring, "set_password", lambda *place: ring.update({place[:2]: place[2]}))
    rewrite("keyring:crm/leadsla", SecretStr("canary-7"))
    assert ring == {("crm", "leadsla"): "canary-7"}


def test_a_place_that_cannot_be_rewritten_says_what_to_do_and_leaks_nothing(tmp_path, monkeypatch):
    def locked(*_):
        raise KeyringLocked

    monkeypatch.setattr(keyring, "set_password", locked)
    secret = SecretStr("canary-8")
    for name, says in (
        ("env:TOKEN", 'name "file:PATH" or "keyring:SERVICE/USER"'),
        (f"file:{tmp_path}/no/such/token", "let this user write the file and its folder"),
        ("keyring:crm/leadsla", 'name "file:PATH" instead'),
    ):
        with pytest.raises(SecretMissing) as refusal:
            rewrite(name, secret)
        assert says in str(refusal.value)
        assert "canary" not in str(refusal.value)
