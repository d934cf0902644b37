"""Everybody's acts together: what a line of a walk may be."""

from __future__ import annotations

from walker_acting import ACTS
from walker_acts_company import CompanyActs
from walker_acts_subscriber import SubscriberActs
from walker_acts_world import WorldActs

__all__ = ["ACTS", "Acts"]


class Acts(WorldActs, SubscriberActs, CompanyActs):
    """What anybody may do in a walk."""
