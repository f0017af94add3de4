"""Sentences out of reasons, findings and steps, in the agreement's language, with its own texts on top.

Made only when somebody looks: a verdict carries codes and values. Not here: the sentences themselves
(``texts``), or where they are shown (``sync``, ``dashboard``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sla_engine.agreement import Agreement
from sla_engine.errors import NaiveInstant
from sla_engine.scorecard import ScoreLine
from sla_engine.texts import LANGUAGES
from sla_engine.verdict import Missing, NextStep, Reason, Signal, Values


@dataclass(frozen=True, slots=True)
class Wording:
    """How one agreement speaks.

    >>> Wording.of("de").instant(datetime.fromisoformat("2026-11-27T14:30:00+00:00"), "Europe/Berlin")
    'Fr 27. November 15:30 (Europe/Berlin)'
    >>> Wording.of("en", {"nurture": "wait"}).say("nurture")
    'wait'
    >>> from sla_engine.evaluate import evaluate
    >>> from sla_engine.examples import agreed, done, handed_over, later
    >>> asked = agreed(minimum={"required": ["company"]}, interest={"points": {"form": 5}})
    >>> verdict = evaluate(handed_over(done("form", 1, by="lead")), asked, later(1))
    >>> english = Wording.for_agreement(asked)
    >>> english.step(verdict.next_step), english.missing(verdict.missing)
    ('answer this lead: accept it, reject it with a reason, or get in touch', 'company')
    >>> english.signals(verdict.signals, "UTC")
    'sent a form, Mon 2 Mar 10:00'
    >>> english.reason(verdict.reasons[0]) in english.reasons(verdict.reasons)
    True
    >>> english.score_line(ScoreLine("score_interest", 15, "low"))
    'interest low'
    """

    texts: Mapping[str, str]

    @classmethod
    def of(cls, language: str = "en", own: Mapping[str, str] | None = None) -> Wording:
        """A language's texts ("en" or "de") with the agreement's own on top. Raises KeyError for another."""
        return cls({**LANGUAGES[language], **(own or {})})

    @classmethod
    def for_agreement(cls, agreement: Agreement) -> Wording:
        """The agreement's language and its own texts."""
        return cls.of(agreement.language, agreement.texts)

    def say(self, code: str, values: Values | None = None, zone: str = "UTC") -> str:
        """One sentence; values that are words of ours are translated, instants told in ``zone`` (IANA).

        Raises KeyError for an unknown code or a value that the sentence needs, and NaiveInstant.
        """
        told = {name: self._told(name, value, zone) for name, value in (values or {}).items()}
        return self.texts[code].format_map(told)

    def _told(self, name: str, value: str | int | datetime, zone: str) -> str:
        if isinstance(value, datetime):
            return self.instant(value, zone)
        if name == "missing":
            return self._groups(str(value))
        if name in {"band", "wanted", "stage", "from", "to", "kind", "trend"}:
            return self.texts.get(str(value), str(value))
        return str(value)

    def _groups(self, packed: str) -> str:
        groups = []
        for group in packed.split("; "):
            names, _, why = group.partition(":")
            groups.append(self._group(tuple(names.split("|")), why or "empty"))
        return ", ".join(groups)

    def _group(self, names: tuple[str, ...], why: str) -> str:
        return self.texts["or"].join(names) + self.texts[f"why_{why}"]

    def missing(self, missing: tuple[Missing, ...]) -> str:
        """The groups of minimum data not known: "company, email or phone"."""
        return ", ".join(self._group(one.names, one.why) for one in missing)

    def reason(self, reason: Reason, zone: str = "UTC") -> str:
        """A criterion's sentence, instants told in ``zone`` (IANA). Raises as ``say``."""
        return self.say(reason.code, reason.values, zone)

    def reasons(self, reasons: tuple[Reason, ...]) -> str:
        """Every criterion on a line: yes, no, or cannot tell."""
        words = {True: self.texts["yes"], False: self.texts["no"], None: self.texts["unclear"]}
        return "\n".join(f"{words[one.met]}: {self._name(one)} - {self.reason(one)}" for one in reasons)

    def _name(self, reason: Reason) -> str:
        """What a criterion is called: ours by the language, the agreement's own by its own name."""
        return self.texts.get(f"name_{reason.criterion.replace(' ', '_')}", reason.criterion)

    def signals(self, signals: Sequence[Signal], zone: str) -> str:
        """What the lead did, newest first: "sent a form: Pricing, Mon 23 Nov 16:10; visited a page".

        Instants are told in ``zone`` (IANA). Raises NaiveInstant.
        """
        return "; ".join(
            f"{self.texts[one.kind.value]}{f': {one.content}' if one.content else ''}, "
            f"{self._moment(one.at, zone, 'moment')}"
            for one in signals
        )

    def step(self, step: NextStep) -> str:
        """What happens next; where the lead must not be called, it says so. Raises as ``say``."""
        text = self.say(step.code, step.values)
        return f"{text} ({self.texts['write_only']})" if step.channel == "write" else text

    def score_line(self, line: ScoreLine) -> str:
        """A summand of the score in words, without its points."""
        is_band = line.code == "score_interest"  # a line of a card goes by its own name
        return self.texts[line.code].format(detail=self.texts[line.detail] if is_band else line.detail)

    def instant(self, instant: datetime, time_zone: str) -> str:
        """An instant as people in ``time_zone`` (IANA name) say it. Raises NaiveInstant."""
        return self._moment(instant, time_zone, "instant")

    def _moment(self, instant: datetime, time_zone: str, form: str) -> str:
        if instant.tzinfo is None:
            raise NaiveInstant("an instant to be told")
        local = instant.astimezone(ZoneInfo(time_zone))
        return self.texts[form].format(
            weekday=self.texts["weekdays"].split()[local.weekday()],
            day=local.day,
            month=self.texts["months"].split()[local.month - 1],
            time=f"{local:%H:%M}",
            zone=time_zone,
        )
