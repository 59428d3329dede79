"""What a browser sends with every request: the headers, and the cookies in them."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def cookies_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """None where one of them is written as no cookie is."""
    try:
        jar = SimpleCookie(headers_of(scope).get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}
