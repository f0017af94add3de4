"""The Metadata API: components made, changed, read and removed over SOAP, singly or by a deployed zip."""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from localcrm.salesforce.components import Components
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.ids import make_id, normal_id
from localcrm.salesforce.metadata_xml import Request, fault, parsed, plain, rendered, request, response
from localcrm.salesforce.oauth import SECRET, Tokens
from localcrm.salesforce.org import Org
from localcrm.salesforce.savepoint import Savepoint

_MOST = 10
_FOLDERS = {"objects": ".object", "permissionsets": ".permissionset"}


@dataclass(slots=True)
class Deployment:
    """What became of one deployed zip."""

    check_only: bool = False
    done: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


class MetadataApi:
    """The SOAP door of one org. Callers hold the org's lock."""

    def __init__(self, org: Org, tokens: Tokens) -> None:
        self._org = org
        self._tokens = tokens
        self._components = Components(org)
        self._deployments: dict[str, Deployment] = {}
        self._verbs: dict[str, Callable[[Request], list[str]]] = {
            "createMetadata": self._save,
            "updateMetadata": self._save,
            "upsertMetadata": self._save,
            "deleteMetadata": self._delete,
            "readMetadata": self._read,
            "deploy": self._deploy,
            "checkDeployStatus": self._status,
        }

    def answer(self, body: bytes) -> tuple[int, str]:
        """(status, envelope) of one call."""
        try:
            call = request(body)
            self._check(call)
            return 200, response(call.verb, self._verbs[call.verb](call))
        except ApiError as problem:
            return 500, fault(problem)

    def _check(self, call: Request) -> None:
        if not self._tokens.knows(call.session):
            text = "Invalid Session ID found in SessionHeader: Illegal Session"
            raise ApiError("INVALID_SESSION_ID", text)
        if call.verb not in self._verbs:
            raise ApiError("UNKNOWN_EXCEPTION", f"No operation available for request {call.verb}")
        if not self._org.switches.may_customise and call.session != SECRET:
            raise ApiError(
                "INSUFFICIENT_ACCESS", "use of the Metadata API requires a user with Modify Metadata"
            )

    def _save(self, call: Request) -> list[str]:
        wanted = [(kind, value) for name, kind, value in call.arguments if name == "metadata"]
        _not_over(len(wanted))
        return [self._saved(call.verb, kind, value) for kind, value in wanted]

    def _saved(self, verb: str, kind: str, value: dict[str, Any]) -> str:
        name = str(value.get("fullName", ""))
        result: dict[str, Any] = {"fullName": name, "success": True}
        try:
            there = self._components.exists(kind, name)
            _fits(verb, there, f"{kind} {name}")
            self._components.put(kind, value)
            if verb == "upsertMetadata":
                result["created"] = not there
        except ApiError as problem:
            created = {"created": False} if verb == "upsertMetadata" else {}
            result |= {"success": False, "errors": _error(problem), **created}
        return rendered("result", result)

    def _delete(self, call: Request) -> list[str]:
        kind, names = call.values("type")[0], call.values("fullNames")
        _not_over(len(names))
        found = []
        for name in names:
            result: dict[str, Any] = {"fullName": name, "success": True}
            try:
                self._components.remove(kind, name)
            except ApiError as problem:
                result |= {"success": False, "errors": _error(problem)}
            found.append(rendered("result", result))
        return found

    def _read(self, call: Request) -> list[str]:
        kind, names = call.values("type")[0], call.values("fullNames")
        _not_over(len(names))
        records = [rendered("records", self._components.read(kind, name), kind) for name in names]
        return [f"<result>{''.join(records)}</result>"]

    def _deploy(self, call: Request) -> list[str]:
        options: Any = next(iter(call.values("DeployOptions")), None)
        # clients in Python are known to send "False"
        only = isinstance(options, dict) and str(options.get("checkOnly")).lower() == "true"
        deployment = Deployment(only)
        before, sent = Savepoint(self._org), self._components.sent()
        for kind, value in _zipped(str(call.values("ZipFile")[0])):
            try:
                self._components.put(kind, value)
                deployment.done.append(f"{kind} {value['fullName']}")
            except ApiError as problem:
                deployment.failed.append((str(value.get("fullName")), problem.message))
        if deployment.failed or deployment.check_only:
            before.roll_back()
            self._components.forget(sent)
        number = make_id("0Af", len(self._deployments) + 1)
        self._deployments[number] = deployment
        return [rendered("result", {"done": False, "id": number, "state": "Queued"})]

    def _status(self, call: Request) -> list[str]:
        asked = (call.values("asyncProcessId") or [""])[0]
        found = self._deployments.get(normal_id(str(asked)) or "")
        if found is None:
            raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        status = "Failed" if found.failed else "Succeeded"
        failures = [
            {"fullName": name, "problem": why, "problemType": "Error", "success": False}
            for name, why in found.failed
        ]
        result = {
            "checkOnly": found.check_only,
            "details": {"componentFailures": failures},
            "done": True,
            "id": asked,
            "numberComponentErrors": len(found.failed),
            "numberComponentsDeployed": len(found.done),
            "numberComponentsTotal": len(found.done) + len(found.failed),
            "numberTestErrors": 0,
            "numberTestsCompleted": 0,
            "numberTestsTotal": 0,
            "status": status,
            "success": not found.failed,
        }
        return [rendered("result", result)]


def _zipped(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The components of a zip in metadata format: fields and list views of objects first."""
    found: list[tuple[str, dict[str, Any]]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(text, validate=True))) as archive:
            names = sorted(name for name in archive.namelist() if not name.endswith("/"))
            contents = {
                name: plain(parsed(archive.read(name)))
                for name in names
                if name.endswith(".xml") or "/" in name
            }
    except (binascii.Error, zipfile.BadZipFile) as problem:
        raise ApiError("INVALID_ID_FIELD", f"The zip cannot be read: {problem}") from None
    for name, content in contents.items():
        folder, _, file = name.rpartition("/")
        stem, dot, ending = file.rpartition(".")
        if f"{dot}{ending}" != _FOLDERS.get(folder.rpartition("/")[2]) or not isinstance(content, dict):
            continue
        if ending == "permissionset":
            found.append(("PermissionSet", {**content, "fullName": stem}))
        for tag, kind in (("fields", "CustomField"), ("listViews", "ListView")):
            found += [
                (kind, {**one, "fullName": f"{stem}.{one['fullName']}"}) for one in content.get(tag, [])
            ]
    return sorted(found, key=lambda one: ("CustomField", "ListView", "PermissionSet").index(one[0]))


def _fits(verb: str, there: bool, name: str) -> None:  # noqa: FBT001 - the two belong together
    if there and verb == "createMetadata":
        raise ApiError("DUPLICATE_DEVELOPER_NAME", f"{name} exists already", ("fullName",))
    if not there and verb == "updateMetadata":
        raise ApiError("INVALID_CROSS_REFERENCE_KEY", f"{name} not found")


def _not_over(count: int) -> None:
    if count > _MOST:
        raise ApiError("LIMIT_EXCEEDED", f"You can only send {_MOST} components in one call")


def _error(problem: ApiError) -> dict[str, Any]:
    return {"fields": list(problem.fields), "message": problem.message, "statusCode": problem.code}
