"""What Salesforce checks and derives when a note, or the sharing of one, is saved.

That other entities and bare quotes are refused is told by people who import notes (ktema.org, "Importing
Notes in Salesforce", and help article 000232870); which error code they get was not found.
"""

from __future__ import annotations

import re
from html import unescape

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Row
from localcrm.salesforce.org import Org

_TAG = re.compile(r"</?(?:p|br|b|strong|i|em|u|s|strike|ul|ol|li|a|span|div)\b[^<>]*>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|nbsp|#39);")
_UNESCAPED = re.compile("[<>\"'&]")
_PREVIEW = 255


def note_saved(row: Row) -> None:
    """Refuse an unusable note; fill in what Salesforce derives from its content."""
    if not str(row["Title"]).strip():
        raise ApiError("REQUIRED_FIELD_MISSING", "Required fields are missing: [Title]", ("Title",))
    text = _text(row.get("Content") or b"")
    row["TextPreview"] = " ".join(text.split())[:_PREVIEW]
    row["ContentSize"] = len(row.get("Content") or b"")
    row["ContentModifiedDate"] = row["LastModifiedDate"]
    row |= {"FileType": "SNOTE", "FileExtension": "snote"}
    row["LatestPublishedVersionId"] = f"068{row['Id'][3:]}"


def _text(content: bytes) -> str:
    """What the note shows; raises ApiError."""
    try:
        html = content.decode()
    except UnicodeDecodeError:
        html = "&"
    bare = _TAG.sub(" ", html)
    if _UNESCAPED.search(_ENTITY.sub("", bare)) or not all(
        one.isprintable() or one.isspace() for one in bare
    ):
        told = (
            "Note can't be saved because it contains HTML tags or unescaped characters"
            " that are not allowed in a Note."
        )
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", told, ("Content",))
    return unescape(bare)


def share_saved(org: Org, row: Row) -> None:
    """Refuse a link to no note, without a share type, or made before."""
    notes = org.tables.get("ContentNote")
    note = notes.rows.get(row["ContentDocumentId"]) if notes else None
    if note is None or note["IsDeleted"]:
        raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ("ContentDocumentId",))
    if not row.get("ShareType"):
        raise ApiError("REQUIRED_FIELD_MISSING", "Required fields are missing: [ShareType]", ("ShareType",))
    for other in org.tables["ContentDocumentLink"].having("ContentDocumentId", row["ContentDocumentId"]):
        is_same = other["LinkedEntityId"] == row["LinkedEntityId"] and not other["IsDeleted"]
        if is_same and other["Id"] != row["Id"]:
            told = "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
            raise ApiError("DUPLICATE_VALUE", told)
