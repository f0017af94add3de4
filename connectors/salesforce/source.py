"""What leadsla adds to an org, as a source folder for admins who read what they deploy.

Written from the same definitions as ``provision`` makes them from. The key on activities is no external id
here: an org that refuses one would refuse the whole folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from connectors.salesforce.client import API_VERSION
from connectors.salesforce.definitions import Component, fields, list_views, permission_sets

_ROOT = "force-app/main/default"
_NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def source_files() -> dict[str, str]:
    """Every file of the folder: its path in it, and its content."""
    components = [*fields(key_as_external_id=False), *permission_sets(), *list_views()]
    project = {
        "packageDirectories": [{"path": "force-app", "default": True}],
        "name": "leadsla",
        "namespace": "",
        "sourceApiVersion": API_VERSION,
    }
    return {
        "sfdx-project.json": json.dumps(project, indent=2) + "\n",
        "manifest/package.xml": _manifest(components),
        **{_path(one): _document(one) for one in components},
    }


def write_source(folder: Path) -> list[Path]:
    """Write the folder; files of these names are replaced, others stay. Raises OSError."""
    written = []
    for name, content in sorted(source_files().items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        written.append(path)
    return written


def _path(component: Component) -> str:
    target, _, name = component.name.rpartition(".")
    match component.kind:
        case "CustomField":
            return f"{_ROOT}/objects/{target}/fields/{name}.field-meta.xml"
        case "ListView":
            return f"{_ROOT}/objects/{target}/listViews/{name}.listView-meta.xml"
    return f"{_ROOT}/permissionsets/{name}.permissionset-meta.xml"


def _document(component: Component) -> str:
    """In the order in which Salesforce's own tools write: a name first, then by the alphabet."""
    own = {} if component.kind == "PermissionSet" else {"fullName": component.name.rpartition(".")[2]}
    lines = [*_elements(own, 1), *_elements(dict(sorted(component.value.items())), 1)]
    return "\n".join([f'{_HEAD}<{component.kind} xmlns="{_NAMESPACE}">', *lines, f"</{component.kind}>", ""])


def _elements(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    indent = "    " * depth
    for name, part in value.items():
        for one in part if isinstance(part, list) else [part]:
            if isinstance(one, Mapping):
                yield f"{indent}<{name}>"
                yield from _elements(dict(sorted(one.items())), depth + 1)
                yield f"{indent}</{name}>"
            else:
                text = str(one).lower() if isinstance(one, bool) else str(one)
                yield f"{indent}<{name}>{escape(text)}</{name}>"


def _manifest(components: list[Component]) -> str:
    kinds: dict[str, list[str]] = {}
    for one in components:
        kinds.setdefault(one.kind, []).append(one.name)
    types = [{"members": sorted(names), "name": kind} for kind, names in sorted(kinds.items())]
    lines = _elements({"types": types, "version": API_VERSION}, 1)
    return "\n".join([f'{_HEAD}<Package xmlns="{_NAMESPACE}">', *lines, "</Package>", ""])
