"""Salesforce, through simple-salesforce over our transport."""

from connectors.salesforce.crm import open_crm

__all__ = ["open_crm"]
