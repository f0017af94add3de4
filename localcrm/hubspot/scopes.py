"""Which scopes a call needs, and the refusal that names the ones an app was not granted."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.kinds import ENGAGEMENTS, kind_name

# Doors outside the object paths, by how their address begins.
_FIXED = (
    ("/crm/owners", "crm.objects.owners.read"),
    ("/crm/v3/owners", "crm.objects.owners.read"),
    ("/email/public", "content"),
    ("/marketing/", "forms"),
    ("/form-integrations/", "forms"),
    ("/account-info/", "oauth"),
)
_READING = ("/search", "/batch/read")


def check(method: str, path: str, parameters: Mapping[str, str], missing: Collection[str]) -> None:
    """Raise ApiError (403) when a call to this address needs one of the ``missing`` scopes."""
    lacking = [scope for scope in needed(method, path, parameters) if scope in missing]
    if lacking:
        raise missing_scopes(lacking)


def needed(method: str, path: str, parameters: Mapping[str, str]) -> list[str]:
    """The scopes of a call, by its address and the kinds in its path."""
    for start, scope in _FIXED:
        if path.startswith(start):
            return [scope]
    is_read = method == "GET" or path.endswith(_READING)
    if "/properties" in path and method != "GET" and not is_read:
        return [f"crm.schemas.{_noun(parameters['kind'])}.write"]
    kinds = [parameters[name] for name in ("kind", "from_kind", "to_kind") if name in parameters]
    ability = "read" if is_read else "write"
    return list(dict.fromkeys(f"crm.objects.{_noun(kind)}.{ability}" for kind in kinds))


def missing_scopes(scopes: Collection[str]) -> ApiError:
    """The refusal as HubSpot words it."""
    told = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": list(scopes)},
    }
    return ApiError(
        "This app hasn't been granted all required scopes to make this call. Read more about "
        "required scopes here: https://developers.hubspot.com/scopes.",
        status=403,
        category="MISSING_SCOPES",
        extra={"errors": [told]},
    )


def _noun(given: str) -> str:
    """Activities need the scopes of contacts; an unknown kind is refused by its door."""
    try:
        kind = kind_name(given)
    except ApiError:
        return given
    return "contacts" if kind in ENGAGEMENTS else kind
