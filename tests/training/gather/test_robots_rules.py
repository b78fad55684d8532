"""robots.txt against the examples and the words of RFC 9309; who is right is written there."""

import pytest

from training.gather.robots_rules import RobotsRules, parse_rules

# RFC 9309, 5.1.
SIMPLE = b"""\
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""


def rules(*lines: str, robot: str = "eyespot") -> RobotsRules:
    return parse_rules("\n".join(lines).encode(), robot)


def forbids(pattern: str, path: str) -> bool:
    """Whether the one rule `Disallow: pattern` keeps us from `path`."""
    return not rules("User-agent: *", f"Disallow: {pattern}").allows(f"http://host{path}")


@pytest.mark.parametrize(
    ("robot", "allowed", "forbidden"),
    [
        ("eyespot", ["/", "/publications/a", "/a.gif?size=2", "/exam"], ["/a.gif", "/b/a.gif", "/example/page.html"]),
        ("FooBot", ["/example/page.html", "/example/allowed.gif", "/robots.txt"], ["/", "/publications/", "/example/"]),
        ("barbot", ["/", "/a.gif", "/example/"], ["/example/page.html"]),
        ("bazbot", ["/", "/a.gif", "/example/"], ["/example/page.html"]),
        ("quxbot", ["/", "/a.gif", "/example/page.html"], []),
    ],
)
def test_the_simple_example(robot: str, allowed: list[str], forbidden: list[str]) -> None:
    found = parse_rules(SIMPLE, robot)
    assert [path for path in allowed + forbidden if found.allows(f"https://example.com{path}")] == allowed


def test_the_longest_match_decides_wherever_it_stands() -> None:  # 5.2
    lines = ["Allow: /example/page/", "Disallow: /example/page/disallowed.gif"]
    for order in (lines, lines[::-1]):
        found = rules("User-Agent: *", *order)
        assert found.allows("http://host/example/page/other.gif")
        assert not found.allows("http://host/example/page/disallowed.gif")


def test_of_two_that_are_as_long_the_one_that_allows_counts() -> None:  # 2.2.2
    for order in (["Allow: /page", "Disallow: /page"], ["Disallow: /page", "Allow: /page"]):
        assert rules("User-agent: *", *order).allows("http://host/page")


@pytest.mark.parametrize(
    ("pattern", "paths", "others"),
    [  # 2.2.2, figure 4
        ("/foo/bar?baz=quz", ["/foo/bar?baz=quz"], ["/foo/bar?baz=qu", "/foo/bar"]),
        ("/foo/bar?baz=https://foo.bar", ["/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https://foo.bar"], []),
        ("/foo/bar?baz=https%3a%2f%2ffoo.bar", ["/foo/bar?baz=https://foo.bar"], ["/foo/bar?baz=https"]),
        ("/foo/bar/\u30c4", ["/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84x"], ["/foo/bar/%E3%83%85"]),
        ("/foo/bar/%E3%83%84", ["/foo/bar/%E3%83%84"], ["/foo/bar/"]),
        ("/foo/bar/%62%61%7A", ["/foo/bar/baz", "/foo/bar/%62a%7a"], ["/foo/bar/ba"]),
        ("/foo/bar/baz", ["/foo/bar/%62%61%7A"], []),
        # What is reserved is another character than its escape.
        ("/a%2fb", ["/a%2Fb"], ["/a/b"]),
        ("/a/b", ["/a/b"], ["/a%2Fb"]),
        ("/a?list[]=1,2", ["/a?list%5B%5D=1%2c2"], ["/a?list%5B%5D%3D1,2"]),
        ("/100%", ["/100%", "/100%zz"], ["/100"]),
    ],
)
def test_octets_are_compared_however_they_are_written(pattern: str, paths: list[str], others: list[str]) -> None:
    assert [path for path in paths + others if forbids(pattern, path)] == paths


@pytest.mark.parametrize(
    ("pattern", "paths", "others"),
    [  # 2.2.3, figures 5 and 6
        ("/ # comment in line", ["/", "/any"], []),
        ("/this/path/exactly$", ["/this/path/exactly"], ["/this/path/exactly/not", "/this/path/exactly?x"]),
        ("/this/*/exactly", ["/this/path/exactly", "/this/a/b/exactly", "/this//exactly.gif"], ["/this/exactly"]),
        ("/path/file-with-a-%2A.html", ["/path/file-with-a-*.html"], ["/path/file-with-a-b.html"]),
        ("/path/foo-%24", ["/path/foo-$", "/path/foo-$/a"], ["/path/foo-"]),
        ("/a*b*c$", ["/abc", "/a-b-c", "/abcbc"], ["/acb", "/abcd", "/ab"]),
        ("/a*ab$", ["/aab", "/abab"], ["/ab"]),  # what the star stands for is not the a that stands before it
        ("/a$b", ["/a$b"], ["/a"]),  # only at the end it is one
        ("*", ["/", "/any"], []),
        ("/*$", ["/", "/any"], []),
        ("picture", [], ["/picture"]),  # no path begins so
        ("", [], ["/"]),
    ],
)
def test_stars_and_ends(pattern: str, paths: list[str], others: list[str]) -> None:
    assert [path for path in paths + others if forbids(pattern, path)] == paths


def test_a_pattern_of_many_stars_is_compared_in_no_time() -> None:
    # As a regular expression it would be tried for years.
    assert not forbids("/" + "*a" * 5000 + "*b", "/" + "a" * 20_000)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_end_in_three_ways_and_blank_ones_part_nothing(end: str) -> None:
    lines = ["\ufeffUser-agent: eyespot", "", "# a comment", "Crawl-delay: 1", "Sitemap: http://host/map.xml", "",
             "Disallow: /picture", "User-agent: *", "Disallow:", ""]  # fmt: skip
    found = parse_rules(end.join(lines).encode(), "eyespot")
    assert (found.allows("http://host/picture"), found.allows("http://host/")) == (False, True)


@pytest.mark.parametrize("name", ["eyespot", "EyeSpot", "eyespot/2.0", "eyespot # us"])
def test_groups_of_the_same_robot_count_together_and_instead_of_that_for_all(name: str) -> None:
    found = rules(
        f"User-agent: {name}", "Disallow: /a", "User-agent: *", "Disallow: /b", "User-agent: x", "Disallow: /c",
        f"USER-AGENT: {name}", "DISALLOW : /d", "Crawl-delay: 3",
    )  # fmt: skip
    assert [path for path in ("/a", "/b", "/c", "/d") if not found.allows(f"http://host{path}")] == ["/a", "/d"]
    assert found.delay_s == 3


@pytest.mark.parametrize("name", ["eye", "eyespots", "*spot", "", "not eyespot"])
def test_a_group_of_another_name_is_not_ours(name: str) -> None:
    assert rules(f"User-agent: {name}", "Disallow: /").allows("http://host/")


def test_a_rule_in_no_group_is_none() -> None:
    assert rules("Disallow: /", "User-agent: *", "Allow: /").allows("http://host/")


def test_bytes_that_are_no_text_are_compared_as_they_are() -> None:
    found = parse_rules("User-agent: *\nDisallow: /\u00e4".encode("latin-1"), "eyespot")
    assert (found.allows("http://host/%E4"), found.allows("http://host/%C3%A4")) == (False, True)


@pytest.mark.parametrize(
    ("lines", "delay_s"),
    [
        (["Crawl-delay: 2.5"], 2.5),
        (["crawl-delay:10"], 10),
        (["Crawl-delay:"], 0),
        (["Request-rate: 2/30"], 15),
        (["Request-rate: 1/5", "Crawl-delay: .5", "Disallow: /x", "Crawl-delay: 2"], 5),
        (["Disallow: /x", "User-agent: other", "Crawl-delay: soon"], 0),  # is not said to us
    ],
)
def test_the_longest_delay_is_obeyed(lines: list[str], delay_s: float) -> None:
    assert rules("User-agent: *", *lines).delay_s == delay_s


@pytest.mark.parametrize("line", ["Crawl-delay: soon", "Crawl-delay: \u00b2", "Crawl-delay: nan", "Request-rate: 1/5x"])
def test_a_delay_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=f"^{line.partition(':')[0]} must be .* Received: "):
        rules("User-agent: *", line)
