"""Secrets come from where the configuration names, or not at all."""

from __future__ import annotations

import pytest

from leadsla.secret_names import SecretMissing, resolve

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
        ("env:NOT_THERE", HUBSPOT, "NOT_THERE is not set"),
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
