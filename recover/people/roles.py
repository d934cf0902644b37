"""What people at a company may do, in words."""

from __future__ import annotations

from recover.models import Role

MEANINGS = {
    Role.OWNER: "Everything, and who else may come in.",
    Role.MEMBER: "Works on cases and changes settings; cannot invite people or change keys.",
    Role.VIEWER: "Sees cases, figures and settings; changes nothing.",
}
