"""Records as they are just before a write: only what was seen may be changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.errors import OutcomeUnknown, Unavailable
from connectors.salesforce.client import ROOT, Client, RefusedCall
from connectors.salesforce.transport import READS

_MOST = 2000  # ids in one call
_PARTS = 5  # of a composite call, of this kind


def retrieve(
    client: Client, name: str, ids: Sequence[str], fields: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    """Records by id, 2,000 a call, by POST: long id lists do not fit into an address."""
    for start in range(0, len(ids), _MOST):
        body = {"ids": list(ids[start : start + _MOST]), "fields": list(dict.fromkeys(fields))}
        yield from (row for row in client.rest("POST", f"composite/sobjects/{name}", body) if row)


def retrieve_together(
    client: Client, wanted: Mapping[str, tuple[Sequence[str], Sequence[str]]]
) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Records of several objects by id: object -> (ids, fields), in one trip where one is enough.

    Answers object -> id -> record. Raises Unavailable, RefusedCall.
    """
    asked = {name: one for name, one in wanted.items() if one[0]}
    is_one_trip = 1 < len(asked) <= _PARTS and all(len(ids) <= _MOST for ids, _ in asked.values())
    found = (
        _in_one(client, asked)
        if is_one_trip
        else {name: list(retrieve(client, name, ids, fields)) for name, (ids, fields) in asked.items()}
    )
    return {name: {str(row["Id"]): row for row in found.get(name, ())} for name in wanted}


def _in_one(
    client: Client, asked: Mapping[str, tuple[Sequence[str], Sequence[str]]]
) -> dict[str, list[Mapping[str, Any]]]:
    parts = [
        {
            "method": "POST",
            "url": f"{ROOT}/composite/sobjects/{name}",
            "referenceId": name,
            "body": {"ids": list(ids), "fields": list(dict.fromkeys(fields))},
        }
        for name, (ids, fields) in asked.items()
    ]
    try:
        answer = client.rest("POST", READS, {"compositeRequest": parts})
    except OutcomeUnknown as error:  # nothing was written
        raise Unavailable(str(error)) from None
    found = {}
    for one in answer["compositeResponse"]:
        if one["httpStatusCode"] != 200:
            code = str((one["body"] or [{}])[0].get("errorCode", ""))
            what = f"{client.name}: Salesforce refused to show a {one['referenceId']} ({code})"
            raise RefusedCall(what, int(one["httpStatusCode"]), code)
        found[str(one["referenceId"])] = [row for row in one["body"] if row]
    return found
