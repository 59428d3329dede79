"""Who and what in an export without identity: keyed hashes, the same at every export.

Without the key of this installation nobody can find out by trying whose images these are; with
it, the images of one woman stay together.
"""

import hmac
import uuid
from dataclasses import dataclass
from typing import Final

from mammo_core.preprocessing.case_store import CaseImage
from mammo_core.preprocessing.keyed_ids import keyed_id

_PREFIX: Final = "MS-"
_DIGITS: Final = 12  # 16 characters are the most a study's id may have (PS3.5 6.2, SH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pseudonyms:
    """For the images of one case. Those of no known woman or exam are taken for one."""

    key: bytes
    case_id: str

    def patient(self, image: CaseImage) -> str:
        known = image.ref.patient_id
        return _PREFIX + self._short("patient", known or f"case {self.case_id}")

    def exam(self, image: CaseImage) -> str:
        known = image.ref.exam_id
        return _PREFIX + self._short("exam", known or f"case {self.case_id}")

    def image_uid(self, image: CaseImage) -> str:
        return self.uid("image", image.ref.image_id)

    def study_uid(self, image: CaseImage) -> str:
        return self.uid("study", self.exam(image))

    def uid(self, what: str, *values: str) -> str:
        """PS3.5 B.2: 2.25 and a UUID as one number; here a UUID made of a keyed hash."""
        message = "\0".join((f"uid {what}", *values)).encode()
        digest = hmac.new(self.key, message, "sha256").digest()
        return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"

    def _short(self, what: str, value: str) -> str:
        return keyed_id(self.key, f"exported {what}", value.encode())[:_DIGITS]
