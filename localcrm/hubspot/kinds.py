"""The object kinds of a portal and the association types HubSpot defines between them."""

from __future__ import annotations

from localcrm.hubspot.errors import ApiError

KIND_IDS = {
    "contacts": "0-1",
    "companies": "0-2",
    "deals": "0-3",
    "communications": "0-18",
    "tasks": "0-27",
    "notes": "0-46",
    "meetings": "0-47",
    "calls": "0-48",
    "emails": "0-49",
    "users": "0-115",
    "leads": "0-136",
}
ENGAGEMENTS = ("tasks", "calls", "emails", "meetings", "notes", "communications")
SINGULAR = {
    "contacts": "contact",
    "companies": "company",
    **{name: name[:-1] for name in KIND_IDS if name not in ("contacts", "companies")},
}
# Ids start just below a power of ten so that text order and number order differ at once.
FIRST_IDS = {
    "contacts": 97,
    "companies": 8_990,
    "deals": 997,
    "tasks": 9_995,
    "notes": 99_990,
    "meetings": 99_950,
    "calls": 99_900,
    "emails": 99_800,
    "communications": 9_950,
    "users": 990,
    "leads": 995,
}

# (from, to) -> association type ids, the default first.
ASSOCIATION_TYPES: dict[tuple[str, str], tuple[int, ...]] = {
    ("contacts", "companies"): (279, 1),
    ("companies", "contacts"): (280, 2),
    ("deals", "contacts"): (3,),
    ("contacts", "deals"): (4,),
    ("deals", "companies"): (341, 5),
    ("companies", "deals"): (342, 6),
    ("tasks", "contacts"): (204,),
    ("contacts", "tasks"): (203,),
    ("tasks", "companies"): (192,),
    ("companies", "tasks"): (191,),
    ("tasks", "deals"): (216,),
    ("deals", "tasks"): (215,),
    ("calls", "contacts"): (194,),
    ("contacts", "calls"): (193,),
    ("calls", "companies"): (182,),
    ("companies", "calls"): (181,),
    ("calls", "deals"): (206,),
    ("deals", "calls"): (205,),
    ("emails", "contacts"): (198,),
    ("contacts", "emails"): (197,),
    ("emails", "companies"): (186,),
    ("companies", "emails"): (185,),
    ("emails", "deals"): (210,),
    ("deals", "emails"): (209,),
    ("meetings", "contacts"): (200,),
    ("contacts", "meetings"): (199,),
    ("meetings", "companies"): (188,),
    ("companies", "meetings"): (187,),
    ("meetings", "deals"): (212,),
    ("deals", "meetings"): (211,),
    ("notes", "contacts"): (202,),
    ("contacts", "notes"): (201,),
    ("notes", "companies"): (190,),
    ("companies", "notes"): (189,),
    ("notes", "deals"): (214,),
    ("deals", "notes"): (213,),
    ("communications", "contacts"): (81,),
    ("contacts", "communications"): (82,),
    ("communications", "companies"): (87,),
    ("companies", "communications"): (88,),
    ("communications", "deals"): (85,),
    ("deals", "communications"): (86,),
    ("communications", "leads"): (603,),
    ("leads", "communications"): (602,),
    ("emails", "leads"): (599,),
    ("leads", "emails"): (598,),
    ("leads", "contacts"): (608, 578),
    ("contacts", "leads"): (607, 579),
    ("leads", "companies"): (610, 580),
    ("companies", "leads"): (609, 581),
    ("tasks", "leads"): (647,),
    ("leads", "tasks"): (646,),
    ("calls", "leads"): (597,),
    ("leads", "calls"): (596,),
    ("meetings", "leads"): (601,),
    ("leads", "meetings"): (600,),
    ("notes", "leads"): (855,),
    ("leads", "notes"): (854,),
}
_LABELS = {
    1: "Primary",
    2: "Primary",
    5: "Primary",
    6: "Primary",
    578: "Primary",
    579: "Primary",
    580: "Primary",
    581: "Primary",
}
_NAMES = {
    **{name: name for name in KIND_IDS},
    **{number: name for name, number in KIND_IDS.items()},
    **{singular: name for name, singular in SINGULAR.items()},
    **{singular.upper(): name for name, singular in SINGULAR.items()},
}


def kind_name(given: str) -> str:
    """``0-1``, ``contact`` or ``contacts`` -> ``contacts``; raises ApiError (400) for anything else."""
    found = _NAMES.get(given)
    if found is None:
        raise ApiError(f"Unable to infer object type from: {given}")
    return found


def opposite(from_kind: str, to_kind: str, type_id: int) -> int:
    """The type id the other end shows for this association."""
    position = ASSOCIATION_TYPES[from_kind, to_kind].index(type_id)
    return ASSOCIATION_TYPES[to_kind, from_kind][position]


def association_type(type_id: int) -> dict[str, object]:
    """An association type as answers show it."""
    return {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": _LABELS.get(type_id)}
