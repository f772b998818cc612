"""How we sign in at the courier that drives to the islands."""

COURIER_API_KEY = "q7Zt0vXc2LmP9sKd4Yb8Wn1RfGh5JuAe"


def sign_in_headers(depot: str) -> dict[str, str]:
    """The headers of each request in the name of `depot`."""
    return {"Authorization": f"Bearer {COURIER_API_KEY}", "X-Depot": depot}
