"""The tables. Instants are integers: microseconds since 1970, UTC. Bodies are JSON text."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()
CLEAN, DIRTY, UNREAD = (
    0,
    1,
    2,
)  # unread: the mapping changed, and this lead was not read under the new one yet

leads = Table(
    "leads",
    metadata,
    Column("connection", String, primary_key=True),
    Column("lead_id", String, primary_key=True),
    Column("lead", Text, nullable=False),
    Column("ours", Text, nullable=False),
    Column("modified_at", BigInteger, nullable=False),
    Column("dirty", Integer, nullable=False),
    Column("valid_until", BigInteger),
    Column("verdict", Text),
    Column("judged_by", String),  # agreement version of the verdict
    Column("mark", Text, nullable=False, server_default=""),  # the connector's own, see connectors.base.Marks
    Index("leads_due", "connection", "dirty", "valid_until"),
)

facts = Table(
    "facts",
    metadata,
    Column("connection", String, primary_key=True),
    Column("lead_id", String, primary_key=True),
    Column(
        "kind", String, primary_key=True
    ),  # told: activity | stage | owner; learned: sight | reason | field
    Column("fact_id", String, primary_key=True),
    Column("body", Text, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("connection", String, primary_key=True),
    Column("task_id", String, primary_key=True),
    Column("lead_id", String, nullable=False),
    Column("body", Text, nullable=False),
    Index("tasks_of_lead", "connection", "lead_id"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("connection", String, nullable=False),
    Column("lead_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("owner_id", String),
    Column("change", Text, nullable=False),
    Column("status", String, nullable=False),
    Column("message", Text, nullable=False, default=""),
    Column("record_id", String, nullable=False, default=""),
    Column("at", BigInteger, nullable=False),
    Index("outbox_open", "connection", "status"),
    Index("outbox_of_lead", "connection", "lead_id"),
)

owners = Table(
    "owners",
    metadata,
    Column("connection", String, primary_key=True),
    Column("owner_id", String, primary_key=True),
    Column("body", Text, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("connection", String, primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("account", String, nullable=False),
    Column("mapping", String, nullable=False, server_default=""),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("connection", String, primary_key=True),
    Column("lead_id", String, primary_key=True),
    Column("field", String, primary_key=True),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

removed = Table(
    "removed",
    metadata,
    Column("connection", String, primary_key=True),
    Column("lead_id", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("merged_into", String, nullable=False),  # empty: deleted
    Index("removed_into", "connection", "merged_into"),
)

visits = Table(
    "visits",
    metadata,
    Column("connection", String, primary_key=True),
    Column("what", String, primary_key=True),  # check | gap | account | object | owners | poll | sweep
    Column("at", BigInteger, nullable=False),
    Column("under", String, nullable=False),
)

agreements = Table(
    "agreements",
    metadata,
    Column("version", String, primary_key=True),
    Column("body", Text, nullable=False),
    Column("first_used", BigInteger, nullable=False),
)

in_force = Table(
    "in_force",
    metadata,
    Column("connection", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("version", String, nullable=False),
)

cards = Table(
    "cards",
    metadata,
    Column("connection", String, primary_key=True),
    Column("version", String, primary_key=True),
    Column("body", Text, nullable=False),
    Column("data", String, nullable=False),  # a hash of what it was learned from
    Column("report", Text, nullable=False),  # what was said of it when it was proposed
    Column("proposed_at", BigInteger, nullable=False),
)

cards_in_force = Table(
    "cards_in_force",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("connection", String, nullable=False),
    Column("version", String),  # none: the starting score again
    Column("approved_at", BigInteger, nullable=False),
    Column("approved_by", Text, nullable=False),  # names as a JSON list; an empty one is a rollback
    Column("since", BigInteger),  # the CRM's clock at the first run that judged by it; none yet
    Index("cards_of_connection", "connection", "number"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("connection", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("report", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("connection", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

hints = Table(
    "hints",
    metadata,
    Column("connection", String, primary_key=True),
    Column("lead_id", String, primary_key=True),
    Column("at", BigInteger, nullable=False),  # by our clock: when the CRM last spoke of it
)
