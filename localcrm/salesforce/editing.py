"""The control interface's edits: records as a person in Salesforce's screens would change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from localcrm.face import Refused
from localcrm.salesforce.conversion import merge, undelete
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import ObjectType, Row
from localcrm.salesforce.history import keep_acceptance
from localcrm.salesforce.ids import normal_id
from localcrm.salesforce.late import Transaction
from localcrm.salesforce.org import Org
from localcrm.salesforce.rules import Actor
from localcrm.salesforce.savepoint import Savepoint
from localcrm.salesforce.shapes import shown_value
from localcrm.salesforce.writing import create, delete, update


def edit(org: Org, name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Change records of one object; answers each as it stands. Raises Refused. The caller holds the lock.

    Beside field values a row may hold ``Id`` (none: a new record), ``_by`` (a user's id, name, e-mail or
    key), and one of: ``delete``, ``undelete``, ``purge`` (out of the recycle bin for good), ``merge_into``
    (the survivor's Id), ``accept`` (take a lead from its queue), ``lock`` (its next n saves over the API
    fail). ``commit_after`` (seconds) keeps the edit in an open transaction until the org's clock has moved
    so far; ``with_opportunity`` false converts a lead without one.
    """
    kind = kind_of(org, name)
    found = []
    for given in rows:
        values = dict(given)
        seconds = values.pop("commit_after", 0)
        try:
            record_id = _later(org, kind, values, seconds) if seconds else _one(org, kind, values)
        except ApiError as problem:
            raise Refused(f"{problem.code}: {problem.message}") from problem
        row = org.tables[kind.name].rows.get(record_id) or {"Id": record_id}
        found.append({field: shown_value(row, field) for field in kind.fields})
    return found


def kind_of(org: Org, name: str) -> ObjectType:
    try:
        return org.kind(name)
    except ApiError as problem:
        raise Refused(f"no object {name}") from problem


def _later(org: Org, kind: ObjectType, values: Row, seconds: float) -> str:
    """Save now, show at the commit: the rows are taken out again and kept in an open transaction."""
    before = Savepoint(org)
    stamped = org.now()
    try:
        record_id = _one(org, kind, values)
    except ApiError:
        before.roll_back()
        raise
    changes = before.changes()
    before.roll_back()
    org.late.begin(Transaction(stamped, org.clock.now() + timedelta(seconds=seconds), changes))
    return record_id


def _one(org: Org, kind: ObjectType, values: Row) -> str:
    user = _person(org, values.pop("_by", None))
    opportunity = bool(values.pop("with_opportunity", True))
    actor = Actor(user, person=True, auto_assign=False, opportunity=opportunity)
    given = values.pop("Id", None) or values.pop("id", None)
    if not given:
        return create(org, kind, values, actor)
    record_id = normal_id(str(given)) or ""
    for act, do in _ACTS.items():
        wanted = values.pop(act, None)
        if wanted not in (None, False):
            do(org, kind, record_id, wanted, actor)
            return record_id
    update(org, kind, record_id, values, actor)
    return record_id


def _delete(org: Org, kind: ObjectType, record_id: str, _wanted: Any, actor: Actor) -> None:
    delete(org, kind, record_id, actor)


def _undelete(org: Org, kind: ObjectType, record_id: str, _wanted: Any, actor: Actor) -> None:
    undelete(org, kind, record_id, actor.user)


def _purge(org: Org, kind: ObjectType, record_id: str, _wanted: Any, _actor: Actor) -> None:
    if record_id not in org.tables[kind.name].rows:
        raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    org.tables[kind.name].remove(record_id)


def _merge(org: Org, kind: ObjectType, record_id: str, wanted: Any, actor: Actor) -> None:
    merge(org, kind, record_id, str(wanted), actor.user)


def _accept(org: Org, kind: ObjectType, record_id: str, _wanted: Any, actor: Actor) -> None:
    update(org, kind, record_id, {"OwnerId": actor.user}, actor)
    if kind.name == "Lead":
        keep_acceptance(org, record_id, actor.user)


def _lock(org: Org, _kind: ObjectType, record_id: str, wanted: Any, _actor: Actor) -> None:
    org.late.lock(record_id, int(wanted))


_ACTS = {
    "delete": _delete,
    "undelete": _undelete,
    "purge": _purge,
    "merge_into": _merge,
    "accept": _accept,
    "lock": _lock,
}


def _person(org: Org, wanted: Any) -> str:
    for row in org.rows("User"):
        named = wanted in (row["Id"], row["Id"][:15], row["Name"], row.get("Email"), row.get("_key"))
        if named if wanted else row["Id"] != org.integration_user and not row.get("_automation"):
            return str(row["Id"])
    if wanted:
        raise Refused(f"no user {wanted}")
    return org.integration_user
