"""Mapping as data: which CRM field is which of ours, with named converters.

The settings of one connection's mapping, and ``parse_value``/``stage_from`` that turn raw CRM
values into ours. Past this line no CRM dict travels. No expression language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sla_engine.model import ActivityKind, LifecycleStage, Value

Converter = Literal["text", "number", "integer", "boolean", "datetime", "date"]
NO_STAGE = "is mapped to no stage: the lead has none until it is, or until the lead moves on"


FREE_TEXT = frozenset({"string", "textarea", "phone", "phone_number", "url", "email"})
"""What both CRMs call a field that takes any text: it may be read as a number or date, lead by lead."""


class Strict(BaseModel):
    """Unknown keys are mistakes, and settings never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldMapping(Strict):
    """One of our lead fields: the CRM field it comes from and how to read it."""

    field: str
    as_: Converter = Field("text", alias="as")


def _short_form(raw: object) -> object:
    return {"field": raw} if isinstance(raw, str) else raw


MappedField = Annotated[FieldMapping, BeforeValidator(_short_form)]


FORM_SUBMISSIONS = "form_submissions"
FormId = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{8,64}$")]


class ActivitySource(Strict):
    """Where one sort of activity comes from in the CRM.

    Either an ``object`` with a reference to the ``lead`` and an instant ``at``, or (HubSpot) the
    history of a contact property (``history_of``): each new value is one activity with the value
    as content. HubSpot's ``forms`` (their GUIDs) are those whose submissions are read, where the object is
    ``form_submissions``. ``kind`` is fixed, or read from ``kind_from`` through ``kinds`` (values not listed
    there use ``kind``, or are skipped when that is empty too). ``consent`` says on what ground this
    behaviour may be scored: "declared" when everybody in this source has agreed, or the name of our
    lead field that says so lead by lead; without it nothing from here is scored.
    """

    object: str = ""
    history_of: str = ""
    lead: str = ""
    at: str = ""
    known_at: str = ""
    kind: ActivityKind | None = None
    kind_from: str = ""
    kinds: Mapping[str, ActivityKind] = Field(default_factory=dict)
    actor: str = ""
    content: str = ""
    outcome: str = ""
    consent: str = ""
    only: Mapping[str, str | bool] = Field(default_factory=dict)
    forms: tuple[FormId, ...] = ()

    @model_validator(mode="after")
    def _one_origin(self) -> ActivitySource:
        if bool(self.object) == bool(self.history_of):
            raise ValueError("name either `object` or `history_of`")
        if self.kind is None and not self.kinds:
            raise ValueError("name `kind`, or `kind_from` with `kinds`")
        if bool(self.forms) != (self.object == FORM_SUBMISSIONS):
            raise ValueError(f'`forms` go with object = "{FORM_SUBMISSIONS}", and that with `forms`')
        return self

    @property
    def delivers(self) -> frozenset[ActivityKind]:
        """The kinds that may come from here."""
        return frozenset(self.kinds.values()) | ({self.kind} if self.kind else set())

    def kind_of(self, raw: str | None) -> ActivityKind | None:
        """The kind for the raw value of ``kind_from`` (None: skip this record)."""
        return self.kinds.get(raw or "", self.kind)


class Writes(Strict):
    """What leadsla may touch besides its own fields and tasks. Off until an admin says so."""

    stages: tuple[LifecycleStage, ...] = ()
    owner: bool = False

    @model_validator(mode="after")
    def _never_sales_outcomes(self) -> Writes:
        forbidden = {LifecycleStage.OPPORTUNITY, LifecycleStage.CUSTOMER} & set(self.stages)
        if forbidden:
            raise ValueError("opportunity and customer are read, never written")
        return self


LeadObject = Literal["contacts", "leads"]


class ConnectionMapping(Strict):
    """One connection's words: lead fields, stages, activities, what may be written.

    ``lead_object``: what carries the clocks, contacts or leads; None is the CRM's own, contacts in HubSpot
    and leads in Salesforce. With HubSpot's leads, mapped names that start with ``contact.`` are properties
    of the lead's primary contact.
    """

    lead_object: LeadObject | None = None
    lead: Mapping[str, MappedField]
    stages: Mapping[str, Mapping[str, LifecycleStage]]
    activities: Mapping[str, ActivitySource] = Field(default_factory=dict)
    writes: Writes = Writes()
    automation_users: tuple[str, ...] = ()

    def stage_from(self, raw: Mapping[str, Any]) -> LifecycleStage | None:
        """The stage that the CRM's values mean: the first stage field with a mapped value wins."""
        for field, values in self.stages.items():
            stage = values.get(str(raw.get(field) or ""))
            if stage is not None:
                return stage
        return None

    def without_stage(self, raw: Mapping[str, Any]) -> tuple[str, str] | None:
        """The (field, value) for which a record has no stage; None when it has one, or shows no value.

        The last field decides what the others leave open.
        """
        if self.stage_from(raw) is not None:
            return None
        shown = ((field, str(raw.get(field) or "")) for field in reversed(list(self.stages)))
        return next(((field, value) for field, value in shown if value), None)

    def stage_value(self, stage: LifecycleStage) -> tuple[str, str] | None:
        """The (field, value) to write for ``stage``: the first that is mapped to it."""
        for field, values in self.stages.items():
            for value, mapped in values.items():
                if mapped is stage:
                    return field, value
        return None


def parse_instant(raw: str) -> datetime:
    """An instant as the CRMs write it: ISO 8601 with zone, or epoch milliseconds. Aware UTC.

    >>> parse_instant("2024-11-07T07:00:00.000+0000").isoformat()
    '2024-11-07T07:00:00+00:00'
    """
    if re.fullmatch(r"-?\d+", raw):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(raw))
    instant = datetime.fromisoformat(raw)
    if instant.tzinfo is None:
        if len(raw) > 10:
            raise ValueError("has no time zone")
        return instant.replace(tzinfo=UTC)
    return instant.astimezone(UTC)


def parse_value(raw: Any, converter: Converter) -> Value:
    """One CRM value as ours; empty is None. Raises ValueError with a reason free of the value."""
    if raw is None or raw == "":
        return None
    text = str(raw).replace("\x00", "").strip()
    try:
        match converter:
            case "text":
                return text or None
            case "number":
                return float(text)
            case "integer":
                return int(float(text))
            case "boolean":
                return _boolean(text)
            case "datetime" | "date":
                return parse_instant(text)
    except (ValueError, OverflowError):
        article = "an" if converter == "integer" else "a"
        raise ValueError(f"is not {article} {converter}") from None


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered not in {"true", "false", "1", "0", "yes", "no"}:
        raise ValueError(lowered)
    return lowered in {"true", "1", "yes"}
