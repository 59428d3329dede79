"""The guidelines a report answers, in the order in which it does. To add one, add one entry."""

from typing import Final

from mammo_core.reports.checklists.checklist import Guideline
from mammo_core.reports.checklists.claim import CLAIM_2024
from mammo_core.reports.checklists.stard_ai import STARD_AI
from mammo_core.reports.checklists.tripod_ai import TRIPOD_AI

GUIDELINES: Final[tuple[Guideline, ...]] = (CLAIM_2024, STARD_AI, TRIPOD_AI)
