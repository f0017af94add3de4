"""Minimum data: one row, one lead; which groups are not known, and why. Then what makes an MQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sla_engine.agreement import Agreement
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.minimum_data import MinimumData, missing_data
from sla_engine.model import Activity, ActivityKind, Lead, LifecycleStage
from sla_engine.verdict import Fit
from sla_engine.wording import Wording

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
KONTOR = "eva@kontor.de"
REPLY, CLICK, OPEN, BOUNCE = (
    ActivityKind.EMAIL_REPLY,
    ActivityKind.EMAIL_CLICK,
    ActivityKind.EMAIL_OPEN,
    ActivityKind.BOUNCE,
)


def a_lead(fields, *kinds):
    """A lead with these fields, whose mailbox gave these signs one after the other."""
    begun = NOW - timedelta(days=len(kinds))
    signs = [
        Activity(f"a{n}", kind, begun + n * timedelta(days=1), begun, consent="declared")
        for n, kind in enumerate(kinds)
    ]
    return history_of(Lead("L", begun, LifecycleStage.INQUIRY, fields=fields), signs)


def unknown(fields, *kinds, **minimum):
    """Each group not known as ("email or phone", why)."""
    found = missing_data(a_lead(fields, *kinds), MinimumData(**minimum))
    return [(" or ".join(one.names), one.why) for one in found]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("company", "empty"), ("email or phone", "empty")]),
        ({"company": "Kontor"}, [("email or phone", "empty")]),
        ({"company": "Kontor", "email": KONTOR}, []),
        ({"company": "Kontor", "phone": "030 901820"}, []),
        ({"company": "Kontor", "email": KONTOR, "phone": "030 901820"}, []),
        ({"email": KONTOR}, [("company", "empty")]),
        # a placeholder beside a real value does no harm, and two of them are nothing
        ({"company": "Kontor", "email": "n/a", "phone": "030 901820"}, []),
        ({"company": "Kontor", "email": "n/a", "phone": "-"}, [("email or phone", "empty")]),
    ],
)
def test_one_real_value_fills_a_group(fields, expected):
    groups = ["company", ["email", "phone"]]
    assert unknown(fields, required=groups, placeholders=["n/a", "-"]) == expected


@pytest.mark.parametrize(
    ("value", "is_real"),
    [
        (None, False),
        ("", False),
        ("   ", False),
        ("test", False),
        ("TEST", False),  # in whatever letters
        (" Test ", False),  # with blanks around
        ("n/a", False),
        ("-", False),
        ("[not provided]", False),
        ("Testo AG", True),  # only the whole value is a placeholder
        ("--", True),  # not agreed to mean nothing
        (0, True),  # no employees at all is an answer
        (False, True),
        (NOW, True),
    ],
)
def test_nothing_and_placeholders_are_no_values(value, is_real):
    agreed = ["Test", "n/a", "-", "[Not Provided]"]
    expected = [] if is_real else [("company", "empty")]
    assert unknown({"company": value}, required=["company"], placeholders=agreed) == expected


def test_a_number_may_be_a_placeholder():
    fields = {"employees": 0}
    assert unknown(fields, required=["employees"], placeholders=["0"]) == [("employees", "empty")]


@pytest.mark.parametrize(
    ("address", "as_email", "as_business_email"),
    [
        (KONTOR, "", ""),
        ("Eva.Muster+messe@kontor.de", "", ""),
        ("eva@müller.de", "", ""),
        ("eva@mail.kontor.co.uk", "", ""),
        ("eva@gmail.com", "", "free_mail"),
        ("EVA@GMAIL.COM", "", "free_mail"),
        ("eva@web.de", "", "free_mail"),
        ("eva@t-online.de", "", "free_mail"),
        ("eva@verein.example", "", "free_mail"),  # named in the agreement
        ("eva@VEREIN.example", "", "free_mail"),
        ("eva@gmail.com.kontor.de", "", ""),  # only looks like one
        ("eva", "invalid", "invalid"),
        ("eva@", "invalid", "invalid"),
        ("@kontor.de", "invalid", "invalid"),
        ("eva@kontor", "invalid", "invalid"),
        ("eva..muster@kontor.de", "invalid", "invalid"),
        ("eva muster@kontor.de", "invalid", "invalid"),
        ("eva@kontor.de; max@kontor.de", "invalid", "invalid"),
        ("Eva <eva@kontor.de>", "invalid", "invalid"),
    ],
)
def test_an_address_must_be_able_to_exist_and_be_no_private_one_where_that_is_agreed(
    address, as_email, as_business_email
):
    for wanted, why in (("email", as_email), ("business_email", as_business_email)):
        found = unknown(
            {"email": address}, required=["email"], must_be={"email": wanted}, free_mail=["verein.example"]
        )
        assert found == ([("email", why)] if why else [])


def test_an_address_is_only_judged_where_that_is_agreed():
    assert unknown({"email": "eva@"}, required=["email"]) == []


@pytest.mark.parametrize(
    ("number", "country", "is_real"),
    [
        ("+49 30 901820", "", True),  # with a country code it needs no country
        ("+49 30 901820", "US", True),
        ("+1 (212) 555-0123", "DE", True),
        ("030 901820", "DE", True),
        ("030/90 18-20", "DE", True),
        ("030 901820", "de", True),
        ("030 901820", "", False),  # whose area code is that?
        ("(212) 555-0123", "US", True),
        ("020 7946 0958", "GB", True),
        ("044 668 18 00", "CH", True),
        ("01 51599", "AT", True),
        ("12", "DE", False),
        ("+49 151", "DE", False),
        ("+999 123456", "DE", False),  # no such country code
        ("call me", "DE", False),
        ("212 555 0123 4567", "US", False),
    ],
)
def test_a_phone_number_must_be_one_that_could_be_dialled(number, country, is_real):
    found = unknown({"phone": number}, required=["phone"], must_be={"phone": "phone"}, country=country)
    assert found == ([] if is_real else [("phone", "invalid")])


def test_what_a_connector_found_out_when_it_mapped_the_record_is_not_found_out_again():
    fields = {"email": KONTOR, "email_kind": "free", "phone": "030 901820", "phone_kind": "invalid"}
    judged = {"email": "business_email", "phone": "phone"}
    assert unknown(fields, required=["email", "phone"], must_be=judged, country="DE") == [
        ("email", "free_mail"),
        ("phone", "invalid"),
    ]


@pytest.mark.parametrize(
    ("signs", "why"),
    [
        ([BOUNCE], "bounced"),
        ([REPLY, BOUNCE], "bounced"),
        ([BOUNCE, OPEN], "bounced"),  # opens prove nothing
        ([BOUNCE, REPLY], ""),  # the mailbox lives after all
        ([BOUNCE, CLICK], ""),
        ([BOUNCE, REPLY, BOUNCE], "bounced"),
        ([OPEN, CLICK], ""),
    ],
)
def test_an_address_whose_last_sign_is_a_bounce_is_not_known(signs, why):
    found = unknown({"email": KONTOR}, *signs, required=["email"], must_be={"email": "email"})
    assert found == ([("email", why)] if why else [])


@pytest.mark.parametrize(
    ("fields", "signs", "why"),
    [
        ({"phone": "12"}, [], "invalid"),
        ({"email": "eva@gmx.de"}, [], "free_mail"),
        ({"email": "eva@gmx.de", "phone": "12"}, [], "free_mail"),
        ({"email": KONTOR, "phone": "12"}, [BOUNCE], "bounced"),
        ({"email": KONTOR, "phone": "030 901820"}, [BOUNCE], ""),  # there is still the phone
    ],
)
def test_a_group_tells_what_came_closest(fields, signs, why):
    judged = {"email": "business_email", "phone": "phone"}
    found = unknown(fields, *signs, required=[["email", "phone"]], must_be=judged, country="DE")
    assert found == ([("email or phone", why)] if why else [])


DAY = [["09:00", "17:00"]]
AGREED = Agreement.model_validate(
    {
        "name": "Inbound",
        "default_hours": "utc",
        "hours": {"utc": {"tz": "UTC", "weekly": {"mon": DAY}}},
        "minimum": {
            "required": ["company", ["email", "phone"]],
            "placeholders": ["n/a"],
            "must_be": {"email": "email", "phone": "phone"},
        },
        "interest": {"points": {"form": 10, "page_visit": 2}},
        "fit": [
            {"name": name, "field": field, "matches": pattern, "verdict": "not_a_buyer", "because": because}
            for name, field, pattern, because in (
                ("applicant", "job_title", "(?i)applicant", "applicants do not buy"),
                ("student", "job_title", "(?i)student", "students do not buy"),
                ("competitor", "company", "^Rival", "works for a competitor"),
                ("supplier", "company", "^Paper", "sells to us"),
                ("own staff", "email", "@leadsla\\.example$", "is one of us"),
            )
        ],
    }
)
COMPLETE = {"company": "Kontor", "email": KONTOR, "job_title": "Buyer"}


@pytest.mark.parametrize(
    ("fields", "kinds", "is_mql"),
    [
        (COMPLETE, [ActivityKind.FORM], True),
        ({**COMPLETE, "company": "n/a"}, [ActivityKind.FORM], False),
        (COMPLETE, [ActivityKind.PAGE_VISIT], False),
        ({**COMPLETE, "job_title": "Student"}, [ActivityKind.FORM], False),
        ({}, [], False),
    ],
)
def test_a_lead_is_an_mql_when_data_fit_and_interest_all_hold(fields, kinds, is_mql):
    begun = NOW - timedelta(days=1)
    done = [Activity(f"a{n}", kind, NOW, NOW, consent="declared") for n, kind in enumerate(kinds)]
    history = history_of(Lead("L", begun, LifecycleStage.INQUIRY, fields=fields), done)
    assert evaluate(history, AGREED, NOW).is_mql is is_mql


@pytest.mark.parametrize(
    ("field", "value", "because"),
    [
        ("job_title", "Job applicant", "applicants do not buy"),
        ("job_title", "PhD Student", "students do not buy"),
        ("company", "Rival AG", "works for a competitor"),
        ("company", "Papermill", "sells to us"),
        ("email", "max@leadsla.example", "is one of us"),
    ],
)
def test_a_sure_sign_against_ends_it_and_says_why_in_plain_words(field, value, because):
    history = a_lead({**COMPLETE, field: value}, ActivityKind.FORM)
    verdict = evaluate(history, AGREED, NOW)
    assert (verdict.fit, verdict.is_mql, verdict.next_step.code) == (Fit.NOT_A_BUYER, False, "not_a_buyer")
    against = [Wording.of("en").reason(one) for one in verdict.reasons if one.code == "fit_found"]
    assert against == [because]


def test_the_next_step_names_exactly_what_is_missing():
    verdict = evaluate(a_lead({"phone": "12"}), AGREED, NOW)
    assert (verdict.next_step.code, verdict.next_step.responsible) == ("find_out", "marketing")
    assert Wording.of("en").step(verdict.next_step).startswith("find out: company, email or phone")
    reason = next(one for one in verdict.reasons if one.code == "data_missing")
    assert Wording.of("en").reason(reason) == "still unknown: company, email or phone (not valid)"
    assert Wording.of("de").reason(reason) == "noch unbekannt: company, email oder phone (ungültig)"
