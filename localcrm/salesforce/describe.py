"""Object and field describes in the shape of a recorded real answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from localcrm.salesforce.fields import Child, Field, ObjectType

_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "datetime": "xsd:dateTime",
    "date": "xsd:date",
    "time": "xsd:time",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "address": "urn:address",
    "anyType": "xsd:anyType",
    "base64": "xsd:base64Binary",
}
_BRIEF_FALSE = ("activateable", "customSetting", "deepCloneable", "deprecatedAndHidden", "hasSubtypes")
_FIELD_FALSE = (
    "aiPredictionField",
    "autoNumber",
    "calculated",
    "cascadeDelete",
    "caseSensitive",
    "dependentPicklist",
    "deprecatedAndHidden",
    "displayLocationInDecimal",
    "encrypted",
    "formulaTreatNullNumberAsZero",
    "highScaleNumber",
    "htmlFormatted",
    "restrictedDelete",
    "searchPrefilterable",
    "writeRequiresMasterRead",
)
_FIELD_NONE = (
    "calculatedFormula",
    "controllerName",
    "defaultValueFormula",
    "filteredLookupInfo",
    "mask",
    "maskType",
    "referenceTargetField",
    "relationshipOrder",
)
_FULL_NONE = (
    "defaultImplementation",
    "extendedBy",
    "extendsInterfaces",
    "implementedBy",
    "implementsInterfaces",
    "listviewable",
    "lookupLayoutable",
    "networkScopeFieldName",
)


def brief(kind: ObjectType, base: str) -> dict[str, Any]:
    """An entry of the global describe; ``base`` is ``/services/data/vXX.0``."""
    here = f"{base}/sobjects/{kind.name}"
    facts: dict[str, Any] = dict.fromkeys(_BRIEF_FALSE, False)
    facts |= {
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": "create" in kind.can,
        "custom": kind.custom,
        "deletable": "delete" in kind.can,
        "feedEnabled": "feed" in kind.can,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": None if kind.prefix == "017" else kind.prefix,
        "label": kind.label,
        "labelPlural": kind.plural,
        "layoutable": "layout" in kind.can,
        "mergeable": "merge" in kind.can,
        "mruEnabled": "mru" in kind.can,
        "name": kind.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": "search" in kind.can,
        "triggerable": "trigger" in kind.can,
        "undeletable": "undelete" in kind.can,
        "updateable": "update" in kind.can,
        "urls": {"rowTemplate": here + "/{ID}", "describe": here + "/describe", "sobject": here},
    }
    return facts


def full(kind: ObjectType, fields: Iterable[Field], base: str, has: Callable[[str], bool]) -> dict[str, Any]:
    """The whole describe of an object, with the ``fields`` as the caller may see them.

    ``has`` tells whether the org shows an object: children of another are left out.
    """
    facts = brief(kind, base)
    facts |= dict.fromkeys(_FULL_NONE)
    facts |= {
        "actionOverrides": [],
        "childRelationships": [_child(one) for one in kind.children if has(one.object)],
        "compactLayoutable": True,
        "fields": [_field(one) for one in fields],
        "namedLayoutInfos": [],
        "recordTypeInfos": [_master_record_type(base, kind)],
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {kind.plural.lower()}", "name": "everything"}],
    }
    return dict(sorted(facts.items()))


def _master_record_type(base: str, kind: ObjectType) -> dict[str, Any]:
    master = "012000000000000AAA"
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": True,
        "developerName": "Master",
        "master": True,
        "name": "Master",
        "recordTypeId": master,
        "urls": {"layout": f"{base}/sobjects/{kind.name}/describe/layouts/{master}"},
    }


def _child(one: Child) -> dict[str, Any]:
    return {
        "cascadeDelete": True,
        "childSObject": one.object,
        "deprecatedAndHidden": False,
        "field": one.field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": one.name,
        "restrictedDelete": False,
    }


def _field(one: Field) -> dict[str, Any]:
    facts: dict[str, Any] = dict.fromkeys(_FIELD_FALSE, False)
    facts |= dict.fromkeys(_FIELD_NONE)
    facts |= _abilities(one)
    facts |= {
        "byteLength": one.length if one.type in ("id", "reference") else one.length * 3,
        "compoundFieldName": one.part_of,
        "custom": one.custom,
        "defaultValue": bool(one.default) if one.type == "boolean" else one.default,
        "digits": one.precision if one.type == "int" else 0,
        "externalId": one.external_id,
        "extraTypeInfo": one.extra,
        "inlineHelpText": one.help,
        "label": one.label,
        "length": one.length,
        "name": one.name,
        "nameField": one.name_field,
        "namePointing": one.polymorphic,
        "picklistValues": [_choice(one, value) for value in one.values],
        "polymorphicForeignKey": one.polymorphic,
        "precision": 0 if one.type == "int" else one.precision,
        "referenceTo": list(one.to),
        "relationshipName": one.relationship,
        "restrictedPicklist": one.restricted,
        "scale": one.scale,
        "soapType": _SOAP.get(one.type, "xsd:string"),
        "type": one.type,
    }
    return dict(sorted(facts.items()))


def _abilities(one: Field) -> dict[str, bool]:
    plain = one.filterable and one.type != "address"
    return {
        "aggregatable": plain and one.type != "boolean",
        "createable": one.createable,
        "defaultedOnCreate": one.defaulted,
        "filterable": one.filterable,
        "groupable": plain and one.type not in ("datetime", "double", "currency", "percent", "time"),
        "idLookup": one.id_lookup or (one.external_id and one.is_text),
        "nillable": one.nillable,
        "permissionable": one.nillable and (one.createable or one.updateable),
        "queryByDistance": one.type == "address",
        "sortable": plain,
        "unique": one.unique,
        "updateable": one.updateable,
    }


def _choice(one: Field, value: str) -> dict[str, Any]:
    return {
        "active": True,
        "defaultValue": value == one.default,
        "label": value,
        "validFor": None,
        "value": value,
    }
