"""A strict practice Salesforce: REST, SOQL, OAuth, in memory."""

from localcrm.salesforce.face import SalesforceFace

__all__ = ["SalesforceFace"]
