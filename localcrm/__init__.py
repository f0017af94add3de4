"""Practice CRMs: a Salesforce and a HubSpot on localhost, strict where the real ones are strict.

This house imports none of leadsla's houses and none of them imports it: a wrong
field name in a connector must not be cancelled out by the same wrong name here.
"""
