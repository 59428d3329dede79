"""Text from files is text on a page, never a link."""

import re

import pytest

from pages.components.shared.frame import escaped

#: What Markdown on the page makes a link of, in text whose escapes are taken away.
LINKS = re.compile(r"https?://\S|\bwww\.\w|\w@\w", re.IGNORECASE)


@pytest.mark.parametrize(
    "text", ["see http://evil.example/x", "HTTPS://evil.example", "www.evil.example", "a@evil.org"]
)
def test_an_address_in_the_text_of_a_file_is_no_link(text: str) -> None:
    assert LINKS.search(text)
    shown = escaped(text).replace("\\", "")
    assert not LINKS.search(shown)
    assert shown.replace("\u2060", "") == text
