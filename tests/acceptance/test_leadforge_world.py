"""A world nobody here invented: 5,000 leads, some 130,000 activities, both CRMs with their real limits."""

from __future__ import annotations

import pytest

from benchmarks.first_sync import measure

LEADS = 5000
BATCH = {"salesforce": 200, "hubspot": 100}
# converted leads take nothing in Salesforce
LEAST_WRITES = {"salesforce": 5, "hubspot": 50}


@pytest.mark.slow
def test_a_first_sync_reads_and_writes_in_full_pages_and_a_second_writes_nothing(tmp_path):
    for row in measure(tmp_path, LEADS):
        crm = row["crm"]
        assert LEAST_WRITES[crm] < row["first_writes"] <= 3 + LEADS / BATCH[crm], row
        assert row["first_calls"] <= 1.3 * row["least_calls"], row
        assert row["second_writes"] == 0, row
        assert row["second_calls"] < row["first_calls"] / 5, row
        assert row["peak_mb"] < 300, row
