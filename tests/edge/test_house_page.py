"""The dress of our pages, and what their policy lets run: held against digests that openssl gave."""

from edge.house_page import PLACE, STYLE, content_policy, dressed

# printf %s 'one()' | openssl dgst -sha256 -binary | openssl base64, and so on
ONE = "'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4='"
TWO = "'sha256-iMrPAWirDC2X0OhZzLsM2MRIWSmepJGI4r7D8ZlwBOw='"
STYLE_A = "'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk='"


def test_the_style_stands_in_its_place_and_nowhere_else() -> None:
    assert dressed(f"<style>\n{PLACE}\np {{}}</style>") == f"<style>\n{STYLE}\np {{}}</style>"
    assert dressed("<p>plain</p>") == "<p>plain</p>"


def test_only_the_scripts_and_styles_of_the_page_may_run() -> None:
    policy = content_policy("<style>a{}</style><script>one()</script><p></p><script>two()</script>", "img-src 'self'")
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["img-src"] == "'self'"
    assert directives["script-src"].split() == [ONE, TWO]
    assert directives["style-src"] == STYLE_A
