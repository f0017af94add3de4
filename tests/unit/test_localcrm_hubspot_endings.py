"""Claims about contacts that end: archived, restored, merged and erased."""

from __future__ import annotations

import pytest

from tests.unit.practice_hubspot import V3, link, portal


def read_by_old_id(hub, number):
    asked = {"inputs": [{"id": number}], "properties": ["email", "hs_merged_object_ids"]}
    [row] = hub.post(f"{V3}/contacts/batch/read", asked).json()["results"]
    return row


def test_a_merged_contact_is_read_by_its_old_id_everywhere():
    with portal() as hub:
        hub.post(f"{V3}/tasks", {"properties": {"hs_timestamp": "1"}, "associations": [link("98", 204)]})
        hub.clock.advance(60)
        told = hub.post(f"{V3}/contacts/merge", {"primaryObjectId": "97", "objectIdToMerge": "98"})
        assert told.json()["id"] == "97"
        row = read_by_old_id(hub, "98")
        assert (row["id"], row["properties"]["hs_merged_object_ids"]) == ("97", "98")
        properties = "hs_calculated_merged_vids,lastmodifieddate"
        survivor = hub.get(f"{V3}/contacts/98", properties=properties, associations="tasks").json()
        merged_at = round(hub.clock.now().timestamp() * 1000)
        assert survivor["properties"]["hs_calculated_merged_vids"] == f"98:{merged_at}"
        assert survivor["properties"]["lastmodifieddate"] == "2026-03-02T08:01:00.000Z"
        assert len(survivor["associations"]["tasks"]["results"]) == 1
        assert [row["id"] for row in hub.get(f"{V3}/contacts", archived="true").json()["results"]] == []
        clash = hub.post(f"{V3}/contacts", {"properties": {"email": "l0@example.com"}})
        assert "Existing ID: 97" in clash.text


def test_merges_follow_each_other_to_the_last_survivor():
    with portal() as hub:
        for primary, other in (("98", "99"), ("97", "98")):
            hub.post(f"{V3}/contacts/merge", {"primaryObjectId": primary, "objectIdToMerge": other})
        row = read_by_old_id(hub, "99")
        assert row["id"] == "97"
        assert set(row["properties"]["hs_merged_object_ids"].split(";")) == {"98", "99"}


def test_a_merge_may_make_a_new_record_that_both_ids_find():
    with portal(merge_makes_new_record=True) as hub:
        before = hub.get(f"{V3}/contacts/97", propertiesWithHistory="hs_lead_status").json()
        told = hub.post(f"{V3}/contacts/merge", {"primaryObjectId": "97", "objectIdToMerge": "98"}).json()
        assert told["id"] not in ("97", "98")
        assert {read_by_old_id(hub, old)["id"] for old in ("97", "98")} == {told["id"]}
        after = hub.get(f"{V3}/contacts/97", propertiesWithHistory="hs_lead_status").json()
        assert after["propertiesWithHistory"] == before["propertiesWithHistory"]
        row = read_by_old_id(hub, "98")["properties"]
        assert row["email"] == "l0@example.com"
        assert set(row["hs_merged_object_ids"].split(";")) == {"97", "98"}
        listed = [row["id"] for row in hub.get(f"{V3}/contacts", limit=100).json()["results"]]
        assert len(listed) == 5
        assert not {"97", "98"} & set(listed)


@pytest.mark.parametrize("archived_first", [False, True])
def test_an_erased_contact_leaves_no_trace(archived_first):
    with portal() as hub:
        hub.person("email_events", {"type": "OPEN", "recipient": "l0@example.com"})
        hub.person("form_submissions", {"form": "Demo", "email": "l0@example.com"})
        if archived_first:
            hub.call("DELETE", f"{V3}/contacts/97")
        assert hub.post(f"{V3}/contacts/gdpr-delete", {"objectId": "97"}).status_code == 204
        assert hub.get(f"{V3}/contacts/97").status_code == 404
        for archived in ("false", "true"):
            listed = hub.get(f"{V3}/contacts", archived=archived, limit=100).json()["results"]
            assert "97" not in {row["id"] for row in listed}
        assert hub.get(f"{V3}/contacts/97", archived="true").status_code == 404
        assert hub.face.records("email_events") == hub.face.records("form_submissions") == []
        assert hub.post(f"{V3}/contacts", {"properties": {"email": "l0@example.com"}}).status_code == 201


def test_erasing_by_address_takes_the_contact_and_ignores_strangers():
    with portal() as hub:
        for address in ("l1@example.com", "nobody@example.com"):
            told = {"objectId": address, "idProperty": "email"}
            assert hub.post(f"{V3}/contacts/gdpr-delete", told).status_code == 204
        assert hub.get(f"{V3}/contacts/98").status_code == 404
        assert hub.post(f"{V3}/contacts/gdpr-delete", {"objectId": "5"}).status_code == 404


def test_an_archived_contact_can_be_restored_by_a_person():
    with portal() as hub:
        hub.call("DELETE", f"{V3}/contacts/97")
        hub.clock.advance(60)
        [row] = hub.person("contacts", {"id": "97", "restore": True})
        assert (row["archived"], row["updatedAt"]) == (False, "2026-03-02T08:01:00.000Z")
        found = hub.get(f"{V3}/contacts/l0@example.com", idProperty="email").json()
        assert found["id"] == "97"
        assert hub.control("POST", "/records/contacts", {"id": "98", "restore": True}).status_code == 400


def test_a_person_may_erase_too():
    with portal() as hub:
        hub.person("contacts", {"id": "97", "erase": True})
        assert hub.get(f"{V3}/contacts/97", archived="true").status_code == 404
