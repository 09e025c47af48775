"""How long so many bytes take on a link: profiles with sources, own ones, the epsilon-outage model."""

from workbench.links.base import Link, LinkParameter
from workbench.links.catalog import link, links
from workbench.links.outage import OutageLink
from workbench.links.profiles import LinkProfile
from workbench.listing import listing

__all__ = ["Link", "LinkParameter", "LinkProfile", "OutageLink", "link", "links"]

listing(__name__)
