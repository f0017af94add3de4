"""A strict practice HubSpot: CRM objects, search, associations, properties, OAuth, in memory."""

from localcrm.hubspot.face import HubSpotFace

__all__ = ["HubSpotFace"]
