"""What people at a company may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Each may do what those below it may."""

    OWNER = "owner"  # people, keys, connections and erasure too
    MEMBER = "member"  # works on cases and changes settings
    VIEWER = "viewer"  # looks at everything that is no secret, changes nothing

    def may(self, wanted: Role) -> bool:
        order = list(Role)
        return order.index(self) <= order.index(wanted)


MEANINGS = {
    Role.OWNER: "Everything, and who else may come in.",
    Role.MEMBER: "Works on cases and changes settings; cannot invite people or change keys.",
    Role.VIEWER: "Sees cases, figures and settings; changes nothing.",
}
