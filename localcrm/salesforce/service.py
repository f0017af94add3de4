"""Finds the resource for a call. It knows addresses and methods, not what the resources do."""

from __future__ import annotations

import re
from collections.abc import Callable

from localcrm.salesforce import changed, many, rest
from localcrm.salesforce.bulk import BulkJobs
from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.composite import run_composite
from localcrm.salesforce.errors import ApiError, not_found
from localcrm.salesforce.org import Org
from localcrm.salesforce.query import Queries
from localcrm.salesforce.tooling import create_custom_field, delete_custom_field, query_custom_fields

Resource = Callable[..., Answer]


class Service:
    """All resources under /services/data/vXX.0 of one org."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.used = 0
        self.queries = Queries(org)
        self.jobs = BulkJobs(org, self.queries)
        self._routes: list[tuple[re.Pattern[str], dict[str, Resource]]] = [
            (re.compile(pattern + "/?$"), methods) for pattern, methods in self._table()
        ]

    def handle(self, call: Call) -> Answer:
        """Answer one call, refusals included. The caller holds the org's lock."""
        try:
            return self._dispatch(call)
        except ApiError as problem:
            return Answer(problem.status, problem.top_level())

    def _dispatch(self, call: Call) -> Answer:
        for pattern, methods in self._routes:
            found = pattern.match(call.path)
            if found is None:
                continue
            resource = methods.get(call.method)
            if resource is None:
                text = f"HTTP Method '{call.method}' not allowed. Allowed are {','.join(methods)}"
                raise ApiError("METHOD_NOT_ALLOWED", text, status=405)
            return resource(call, *found.groups())
        raise not_found()

    def _table(self) -> list[tuple[str, dict[str, Resource]]]:
        org = self.org

        def on(resource: Resource) -> Resource:
            return lambda call, *names: resource(org, call, *names)

        one = {"GET": rest.get_record, "PATCH": rest.update_record, "DELETE": rest.delete_record}
        whole = {"POST": many.create_many, "PATCH": many.update_many, "DELETE": many.delete_many}
        table: list[tuple[str, dict[str, Resource]]] = [
            ("/query(?:All)?", {"GET": lambda call: rest.run_query(self.queries, call)}),
            ("/query(?:All)?/([^/]+)", {"GET": self._more}),
            ("/limits", {"GET": lambda _call: self._limits()}),
            ("/limits/recordCount", {"GET": self._counts}),
            ("/sobjects", {"GET": on(rest.global_describe)}),
            ("/sobjects/([^/]+)/describe", {"GET": on(rest.describe_object)}),
            ("/sobjects/([^/]+)/updated", {"GET": on(changed.updated)}),
            ("/sobjects/([^/]+)/deleted", {"GET": on(changed.deleted)}),
            ("/sobjects/([^/]+)", {"GET": on(rest.object_info), "POST": on(rest.create_record)}),
            ("/sobjects/([^/]+)/([^/]+)", {name: on(run) for name, run in one.items()}),
            ("/sobjects/(ContentNote)/([^/]+)/(Content)", {"GET": on(rest.get_bytes)}),
            (
                "/sobjects/([^/]+)/([^/]+)/([^/]+)",
                {"GET": on(rest.get_by_key), "PATCH": on(rest.upsert_by_key)},
            ),
            ("/composite", {"POST": lambda call: run_composite(org, call, self.handle)}),
            ("/composite/sobjects", {name: on(run) for name, run in whole.items()}),
            (
                "/composite/sobjects/([^/]+)",
                {"POST": on(many.retrieve_many), "GET": on(many.retrieve_many)},
            ),
            ("/composite/sobjects/([^/]+)/([^/]+)", {"PATCH": on(many.upsert_many)}),
            ("/tooling/sobjects/CustomField", {"POST": on(create_custom_field)}),
            ("/tooling/sobjects/CustomField/([^/]+)", {"DELETE": on(delete_custom_field)}),
            ("/tooling/query", {"GET": on(query_custom_fields)}),
        ]
        return table + self.jobs.table()

    def _more(self, call: Call, locator: str) -> Answer:
        return Answer(200, self.queries.more(locator, call.base, batch=call.batch()))

    def _limits(self) -> Answer:
        most = self.org.switches.daily_limit
        daily = {"Max": most, "Remaining": max(0, most - self.used)}
        return Answer(200, {"DailyApiRequests": daily, "DataStorageMB": {"Max": 1024, "Remaining": 1000}})

    def _counts(self, call: Call) -> Answer:
        """About how many records an object has; the objects asked for, or all."""
        asked = [one for one in call.query.get("sObjects", "").split(",") if one]
        kinds = [self.org.kind(one) for one in asked] or list(self.org.by_lower.values())
        counts = [{"count": len(self.org.tables[one.name].rows), "name": one.name} for one in kinds]
        return Answer(200, {"sObjects": counts})
