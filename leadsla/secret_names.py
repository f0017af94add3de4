"""Where secrets come from: environment, OS keyring, or a file only the user can read.

The configuration holds names, never secrets; a secret that the CRM renews is rewritten in its place.
``practice`` is the practice CRMs' public password and opens nothing but this machine.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

PRACTICE = "practice"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class SecretMissing(Exception):
    """A named secret cannot be had: what is wrong with which name, and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} - {remedy}")
        self.what = what
        self.remedy = remedy


def is_loopback(url: str) -> bool:
    """Whether ``url`` points at this machine.

    >>> is_loopback("http://127.0.0.1:8701"), is_loopback("https://api.hubapi.com")
    (True, False)
    """
    try:
        return urlsplit(url).hostname in _LOOPBACK
    except ValueError:
        return False


def resolve(name: str, base_url: str, environment: Mapping[str, str] | None = None) -> SecretStr:
    """The secret behind ``name``: ``env:NAME``, ``keyring:SERVICE/USER``, ``file:PATH`` or ``practice``.

    Raises SecretMissing when there is none, or when the file can be read by others.
    """
    environment = os.environ if environment is None else environment
    scheme, _, rest = name.partition(":")
    match scheme:
        case "practice" if is_loopback(base_url):
            return SecretStr("localcrm")
        case "practice":
            raise SecretMissing(
                '"practice" opens only a practice CRM on this machine', 'name a real secret, like "env:NAME"'
            )
        case "env":
            value = environment.get(rest, "")
            if not rest.isidentifier():
                raise SecretMissing("names no environment variable", 'write "env:NAME"')
            if not value:
                raise SecretMissing(f"the environment variable {rest} is not set", f"export {rest}=...")
            return SecretStr(value)
        case "file":
            return _from_file(Path(rest).expanduser())
        case "keyring":
            return _from_keyring(rest)
    raise SecretMissing(
        "a secret is named here, never written here",
        'write "env:NAME", "keyring:SERVICE/USER" or "file:PATH"',
    )


def can_be_rewritten(name: str) -> bool:
    """Whether a secret that the CRM renews can stand behind ``name``."""
    return name.partition(":")[0] != "env"


def rewrite(name: str, value: SecretStr) -> None:
    """Put a renewed secret where ``name`` says. Raises SecretMissing if it cannot be kept there."""
    scheme, _, rest = name.partition(":")
    match scheme:
        case "file":
            _into_file(Path(rest).expanduser(), value.get_secret_value())
        case "keyring":
            _into_keyring(rest, value.get_secret_value())
        case "practice":
            pass  # the practice CRM goes on taking its password
        case _:
            raise SecretMissing(
                "HubSpot renews this secret, and an environment variable cannot be rewritten",
                'name "file:PATH" or "keyring:SERVICE/USER"',
            )


def _into_file(path: Path, value: str) -> None:
    """All or nothing: a crash leaves the old secret or the new one, for this user's eyes only."""
    place = path.resolve()
    try:
        number, draft = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)  # made with mode 0600
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(f"{value}\n")
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(place)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise SecretMissing(
            f"the renewed secret cannot be kept in {path}: {why}",
            "let this user write the file and its folder, or name another file",
        ) from None


def _into_keyring(rest: str, value: str) -> None:
    import keyring  # noqa: PLC0415 - slow to import and seldom used
    from keyring.errors import KeyringError  # noqa: PLC0415

    service, _, user = rest.partition("/")
    try:
        keyring.set_password(service, user, value)
    except KeyringError as error:
        raise SecretMissing(
            f"the renewed secret cannot be kept in the keyring ({type(error).__name__})",
            'unlock it, or name "file:PATH" instead',
        ) from None


def _from_file(path: Path) -> SecretStr:
    if not path.is_file():
        raise SecretMissing(f"there is no file {path}", "put the secret there, or name another file")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretMissing(f"{path} can be read by others", f"chmod 600 {path}")
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise SecretMissing(
            f"{path} cannot be read: {why}", f"give it to this user: chown, chmod 600 {path}"
        ) from None
    except UnicodeDecodeError:
        raise SecretMissing(f"{path} is no text in UTF-8", "put nothing but the secret there") from None
    if not value:
        raise SecretMissing(f"{path} is empty", "put the secret there")
    return SecretStr(value)


def _from_keyring(rest: str) -> SecretStr:
    import keyring  # noqa: PLC0415 - slow to import and seldom used
    from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415

    service, _, user = rest.partition("/")
    if not service or not user:
        raise SecretMissing("names no place in the keyring", 'write "keyring:SERVICE/USER"')
    try:
        value = keyring.get_password(service, user)
    except NoKeyringError:
        raise SecretMissing("this machine has no keyring", 'name "env:NAME" or "file:PATH" instead') from None
    except KeyringError as error:
        raise SecretMissing(f"the keyring cannot be opened ({type(error).__name__})", "unlock it") from None
    if not value:
        raise SecretMissing(f"the keyring has nothing for {rest}", f"keyring set {service} {user}")
    return SecretStr(value)
