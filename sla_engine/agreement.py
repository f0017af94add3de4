"""The agreement both sides signed, as a value: what ``[agreement]`` in config.toml holds.

Not here: how it is applied (``evaluate`` and its neighbours). Refused at load: unknown keys,
names that point nowhere, durations and calendars that make no sense, targets that never end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sla_engine.business_time import BusinessHours
from sla_engine.card import CardInForce
from sla_engine.conditions import Circumstances, Condition, Test, all_of
from sla_engine.fit import FitCriterion
from sla_engine.interest import InterestModel
from sla_engine.lifecycle import Lifecycle
from sla_engine.minimum_data import MinimumData
from sla_engine.model import LifecycleStage, Owner, Value
from sla_engine.parts import Duration, Name, Part
from sla_engine.people import People
from sla_engine.rejection import Rejection
from sla_engine.soundness import flaws
from sla_engine.target import Target
from sla_engine.verdict import InterestBand


class Handover(Part):
    """What makes a lead ready for sales beside the minimum data: a band of interest, and how sure the fit is.

    ``fit``: "buyer" wants a sign for, "not_excluded" is content when nothing speaks against. ``score``: the
    least score beside all that; None: no score decides.

    >>> Handover().interest.value, Handover().fit, Handover(score=40).score
    ('medium', 'not_excluded', 40)
    """

    interest: InterestBand = InterestBand.MEDIUM
    fit: Literal["not_excluded", "buyer"] = "not_excluded"
    score: int | None = Field(default=None, ge=1, le=100)


class Scoring(Part):
    """How far the score may decide. ``holdout``: the share of leads (0 to 0.5) routed without it.

    Only where some leads are not routed by a score can be measured later what the score is worth.

    >>> half = Scoring(holdout=0.5)
    >>> [half.holds_out(lead) for lead in ("a", "b", "c")], Scoring().holds_out("a")
    ([True, True, False], False)
    """

    holdout: float = Field(default=0.0, ge=0, le=0.5)

    def holds_out(self, lead_id: str) -> bool:
        """Whether this lead is one of them: always the same answer, and a growing share keeps them."""
        if not self.holdout:
            return False
        drawn = int.from_bytes(hashlib.sha256(f"holdout {lead_id}".encode()).digest()[:4])
        return drawn < self.holdout * 2**32


class Learning(Part):
    """What a card is learned from; it changes no verdict.

    ``landmark``: so long after a lead ``begins`` ("created" or "mql") it is looked at. ``horizon``: so long
    after that its ``outcome`` is waited for; None: until nine in ten past wins had come. ``account``: our
    lead field that names the company. ``recorded_since``: the day from which outcomes were recorded; None:
    the first one seen. ``bad_data``: reasons of rejection that mean wrong data, not a bad lead. ``fields``:
    our lead fields that may become lines; None: all that are fit for it.

    >>> Learning(bad_data=("wrong contact data",)).landmark.days
    14
    """

    landmark: Duration = timedelta(days=14)
    horizon: Duration | None = None
    outcome: Literal["opportunity", "customer"] = "opportunity"
    begins: Literal["created", "mql"] = "created"
    account: str = "company"
    recorded_since: date | None = None
    bad_data: tuple[Name, ...] = ()
    fields: tuple[Name, ...] | None = None


_BESIDE = frozenset({"people", "texts", "language"})


class NotNew(Part):
    """Leads that are known already, told by their fields, e.g. customers: no MQL, and no clock at all.

    Every condition in ``when`` must hold for sure. ``because`` is the sentence people read.

    >>> rule = {"name": "customer", "when": [{"field": "customer", "is": True}], "because": "buys already"}
    >>> from sla_engine.examples import agreed, handed_over, later
    >>> from sla_engine.situation import Circumstances
    >>> buyer = Circumstances(handed_over(customer=True), agreed(), later(0))
    >>> NotNew.model_validate(rule).applies(buyer)
    True
    """

    name: str
    when: tuple[Condition, ...] = Field(min_length=1)
    because: str

    @cached_property
    def applies(self) -> Test:
        """Whether a lead is such a one; None where its fields do not tell."""
        return all_of(self.when)


class Volume(Part):
    """What marketing promises: MQLs a month by source ("*": all together), and how many are good.

    ``accepted_share``: of the MQLs sales has answered, the share accepted (more than 0, up to 1).
    ``source`` is our lead field. Months are those of the default calendar's time zone.

    >>> Volume(per_month={"*": 120, "webinar": 40}, accepted_share=0.6).per_month["webinar"]
    40
    """

    source: str = "source"
    per_month: Mapping[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    accepted_share: float | None = Field(default=None, gt=0, le=1)


class Agreement(Part):
    """The whole agreement. ``version`` names its content: another content, another version.

    ``people`` and ``texts`` are no part of what was signed and make no new version, and neither are
    ``learning`` and the ``cards`` that both sides approve apart (``with_cards``). ``scope``: the conditions
    a lead must meet for this agreement to apply. ``region`` is our lead field that ``hours_by_region`` is
    asked with. Raises ValueError when it does not hold together (``soundness``).

    >>> hours = {"berlin": {"tz": "Europe/Berlin", "weekly": {"mon": [["09:00", "17:00"]]}}}
    >>> signed = {"name": "all", "default_hours": "berlin", "hours": hours}
    >>> one, other = Agreement.model_validate(signed), Agreement.model_validate(signed | {"language": "de"})
    >>> one.version == other.version, one.roster == other.roster
    (True, False)
    >>> from sla_engine.examples import agreed, handed_over, later
    >>> from sla_engine.situation import Circumstances
    >>> french = agreed(scope=[{"field": "country", "is": "FR"}])
    >>> french.covers(Circumstances(handed_over(country="DE"), french, later(0)))
    False
    >>> [phase.value for phase in french.phases], french.target_named("answer").name
    (['mql'], 'answer')
    >>> from sla_engine.card import Scorecard
    >>> carded = french.with_cards((CardInForce(card=Scorecard(), since=later(0)),))
    >>> len(carded.cards), carded.version == french.version, carded.roster == french.roster
    (1, True, False)
    """

    name: str
    scope: tuple[Condition, ...] = ()
    default_hours: str
    hours: Mapping[str, BusinessHours]
    hours_by_time_zone: Mapping[str, str] = Field(default_factory=dict)
    hours_by_region: Mapping[str, str] = Field(default_factory=dict)
    region: str = "country"
    minimum: MinimumData = MinimumData()
    fit: tuple[FitCriterion, ...] = ()
    interest: InterestModel = InterestModel()
    handover: Handover = Handover()
    target: tuple[Target, ...] = ()
    lifecycle: Lifecycle = Lifecycle()
    rejection: Rejection = Rejection()
    not_new: tuple[NotNew, ...] = ()
    volume: Volume = Volume()
    scoring: Scoring = Scoring()
    learning: Learning = Learning()
    people: People = People()
    language: Literal["en", "de"] = "en"
    texts: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _people_live_by_default_hours(cls, raw: Any) -> Any:
        """Absences are days in a person's own zone; unless one is named, that of the default hours."""
        try:
            zone = raw["hours"][raw["default_hours"]]["tz"]
            people = {key: {"tz": zone, **one} for key, one in raw["people"].items()}
        except (KeyError, TypeError, AttributeError):
            return raw  # what is wrong with it, the fields say themselves
        return {**raw, "people": people}

    @model_validator(mode="after")
    def _holds_together(self) -> Agreement:
        wrong = flaws(self)
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal characters that stay the same as long as what was signed does."""
        left_out: dict[str, Any] = dict.fromkeys((*_BESIDE, "learning"), True)
        if self.scoring == Scoring():  # what is not said makes no new version of what was signed without it
            left_out["scoring"] = True
        if self.handover.score is None:
            left_out["handover"] = {"score"}
        signed = self.model_dump_json(by_alias=True, exclude=left_out)
        return hashlib.sha256(signed.encode()).hexdigest()[:12]

    @cached_property
    def roster(self) -> str:
        """Names the people, texts, language and cards beside what was signed, as ``version`` does."""
        beside = self.model_dump_json(by_alias=True, include=set(_BESIDE))
        if self.cards:
            beside += " ".join(one.card.version if one.card else "none" for one in self.cards)
        return hashlib.sha256(beside.encode()).hexdigest()[:12]

    @cached_property
    def cards(self) -> tuple[CardInForce, ...]:
        """The cards both sides approved, in time order; no part of the configuration."""
        return ()  # none, unless ``with_cards`` put some in this place

    def with_cards(self, cards: tuple[CardInForce, ...]) -> Agreement:
        """The same agreement under these cards, in time order."""
        copy = self.model_copy()
        copy.__dict__.pop("roster", None)  # told already of the cards there were
        copy.__dict__["cards"] = cards
        return copy

    @cached_property
    def covers(self) -> Test:
        """Whether a lead is in this agreement's scope; None where its fields do not tell."""
        return all_of(self.scope)

    def known_by_rule(self, lead: Circumstances) -> NotNew | None:
        """The first rule by which a lead, as it is at one instant, is no new one; None: it is new.

        >>> from sla_engine.examples import agreed, handed_over, later
        >>> from sla_engine.situation import Situation
        >>> agreed().known_by_rule(Situation(handed_over(), agreed(), later(0)).at(later(0))) is None
        True
        """
        return next((rule for rule in self.not_new if rule.applies(lead) is True), None)

    @cached_property
    def phases(self) -> frozenset[LifecycleStage]:
        """Phases in which somebody promised something when they begin or the owner changes."""
        return frozenset(
            phase for one in self.target if one.starts != "inbound_activity" for phase in one.phase
        )

    @cached_property
    def _targets(self) -> Mapping[str, Target]:
        return {one.name: one for one in self.target}

    def target_named(self, name: str) -> Target:
        """The target called ``name``. Raises KeyError."""
        return self._targets[name]

    def hours_for(self, target: Target, owner: Owner | None, fields: Mapping[str, Value]) -> str:
        """The calendar's name on which ``target`` runs: named, by the lead's region, or the owner's.

        An owner's is their own, else that of their time zone (IANA); whatever is not told, the default.

        >>> from sla_engine.examples import agreed
        >>> agreement = agreed()
        >>> agreement.hours_for(agreement.target[0], Owner("anna", time_zone="Asia/Kolkata"), {})
        'office'
        """
        if target.hours == "region":
            return self.hours_by_region.get(str(fields.get(self.region) or ""), self.default_hours)
        if target.hours != "owner":
            return target.hours
        person = self.people.root.get(owner.id) if owner else None
        if person and person.hours:
            return person.hours
        return self.hours_by_time_zone.get((owner.time_zone if owner else None) or "", self.default_hours)
