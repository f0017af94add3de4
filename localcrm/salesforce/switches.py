"""What differs between orgs, or could not be verified: one switch each, with its fact.

Sections are those of the facts about Salesforce. A default is the stricter answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from localcrm.face import Refused


@dataclass(frozen=True, slots=True)
class Switches:
    """Behaviours of one org.

    ``page_size`` caps query pages. ``limits`` turns the daily limit (calls) and the 16,384 bytes of an
    address on. ``owner_history_twice``: owner changes leave a row of names and a row of ids (from memory,
    section 4). ``task_external_id``: no public sample of an external id on Activity was found (section 4).
    ``notes``: whether Notes are enabled in Setup; without them nobody sees ContentNote.
    ``absent_objects``: objects the org's licences or features lack, such as CampaignMember (section 4).
    ``hidden_fields`` and ``read_only_fields`` (``Lead.Phone``): field-level security (sections 3 and 4).
    ``untracked_fields`` (``Status``, ``OwnerId``): lead fields without history tracking (section 4).
    ``assignment_rules``: whether a lead assignment rule is active (section 0.2).
    ``activities_follow_conversion``: whether activities move to the contact; no official text was found.
    ``composite_shuffled``: collated subrequests are answered in another order; since v49 none is
    guaranteed (section 4), whether that means the answers too was not found.
    ``bulk_expiry_as_400``: an ended session at a bulk address is 400 InvalidSessionId (section 4), not the
    401 that one independent client (jsforce) expects. ``bulk_polls``: how many looks at a bulk job find it
    in progress before it is done. ``may_customise``: whether the integration user may make fields and
    permission sets; the session ``localcrm`` is an admin's and always may. ``soap_login``: whether the
    org still allows login by name and password (section 0.1). ``most_whos``: how many people a query of
    activities may touch for a user without View All Data (100,000 in section 4); 0: our user has it.
    """

    page_size: int = 2000
    daily_limit: int = 100_000
    limits: bool = True
    owner_history_twice: bool = True
    task_external_id: bool = False
    notes: bool = True
    absent_objects: tuple[str, ...] = ()
    hidden_fields: tuple[str, ...] = ()
    read_only_fields: tuple[str, ...] = ()
    untracked_fields: tuple[str, ...] = ()
    assignment_rules: bool = True
    activities_follow_conversion: bool = False
    composite_shuffled: bool = False
    bulk_expiry_as_400: bool = False
    bulk_polls: int = 0
    may_customise: bool = True
    soap_login: bool = False
    most_whos: int = 0

    def changed(self, given: Mapping[str, Any]) -> Switches:
        """These switches with some set anew, as JSON gives them. Raises Refused for an unknown or ill one."""
        known = {one.name: getattr(self, one.name) for one in fields(self)}
        found: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                raise Refused(f"no switch {name}; there are {', '.join(known)}")
            is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
            found[name] = tuple(value) if is_list else value
            if type(found[name]) is not type(known[name]):
                raise Refused(f"switch {name} takes what {known[name]!r} is")
        return replace(self, **found)
