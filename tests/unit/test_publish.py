"""What is published says whose it is, and its description leads somewhere without the repository."""

import re
import runpy
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from tests.publish import OTHER_FILES, WHAT_TO_WRITE, refuse_placeholders

import spark_model_monitor

ROOT = Path(__file__).resolve().parents[2]
SETUP = runpy.run_path(str(ROOT / "setup.py"))
TARGET = re.compile(r"\]\(([^)]*)\)")

REAL = {
    "url": "https://forge.net/somebody/monitor",
    "project_urls": "\n    Documentation = https://docs.forge.net/latest\n    Issues = https://forge.net/testers/example/issues",
    "author": "Ada Example-Lovelace",
    "author_email": "ada.test@forge.net",
    "maintainer": "The Invalid Company",
    "maintainer_email": "releases@contest.io",
}
"""Members of an owner whose names only resemble placeholders."""


def make_texts(**members):
    """The files of an owner, with these members in setup.cfg; None leaves one out."""
    lines = [f"{name} = {value}" for name, value in (REAL | members).items() if value is not None]
    return dict.fromkeys(OTHER_FILES, "- Ada") | {"setup.cfg": "[metadata]\nname = monitor\n" + "\n".join(lines)}


def test_members_of_an_owner_may_be_published():
    refuse_placeholders(make_texts())


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("url", "https://example.com/monitor"),
        ("url", "https://www.example.org"),
        ("url", "https://forge.invalid/monitor"),
        ("project_urls", "\n    Documentation = https://docs.forge.net\n    Issues = https://example.net/issues"),
        ("author", "Placeholder"),
        ("author", ""),
        ("author_email", "ada@example.com"),
        ("maintainer", None),
        ("maintainer_email", "releases@forge.example"),
    ],
)
def test_a_placeholder_or_a_gap_is_refused_by_its_member_with_what_to_write(member, value):
    with pytest.raises(SystemExit) as refusal:
        refuse_placeholders(make_texts(**{member: value}))

    [line] = str(refusal.value).splitlines()[1:]
    assert line.startswith(f"- {member} is ")
    assert line.endswith(f": write {WHAT_TO_WRITE[member]}")


@pytest.mark.parametrize("name", OTHER_FILES)
def test_a_placeholder_that_our_files_have_is_refused_by_the_file(name):
    ours = (ROOT / name).read_text(encoding="utf-8")

    with pytest.raises(SystemExit, match=f"- {re.escape(name)} has a placeholder .*: write {OTHER_FILES[name]}"):
        refuse_placeholders(make_texts() | {name: ours})


COMMUNITY = (
    "README.md",
    "LICENSE",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ".github/pull_request_template.md",
    ".github/ISSUE_TEMPLATE/bug.yml",
    ".github/ISSUE_TEMPLATE/config.yml",
    ".github/CODEOWNERS",
    ".github/MAINTAINERS.md",
    ".github/dependabot.yml",
    "MANIFEST.in",
    "CITATION.cff",
    "NOTICE",
)
"""Files that the forge's community profile and its readers look for."""


@pytest.mark.parametrize("name", COMMUNITY)
def test_the_repository_has_what_a_community_profile_asks_for(name):
    assert (ROOT / name).stat().st_size > 0


def test_one_title_stands_wherever_the_project_names_itself():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    title = spark_model_monitor.__title__

    assert (ROOT / "README.md").read_text(encoding="utf-8").startswith(f"# {title}\n\n`spark-model-monitor` ")
    assert setup["metadata"]["description"] == title
    assert citation["title"].lower() == f"spark-model-monitor: {title}".lower()
    assert citation["version"] == spark_model_monitor.__version__


def test_every_member_that_says_whose_the_package_is_is_in_setup_cfg():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")

    assert set(WHAT_TO_WRITE) <= set(setup["metadata"])


def test_relative_links_and_pictures_get_the_address_of_the_repository_at_the_tag():
    page = (
        "![A day](docs/day.png) of [pages](docs/pages.md#a-day), [a site](https://forge.net), [below](#below), `a[0]`"
    )

    assert SETUP["with_absolute_links"](page, "https://forge.net/us/monitor", "v1.2.0") == (
        "![A day](https://forge.net/us/monitor/raw/v1.2.0/docs/day.png) of "
        "[pages](https://forge.net/us/monitor/blob/v1.2.0/docs/pages.md#a-day), "
        "[a site](https://forge.net), [below](#below), `a[0]`"
    )


def test_the_description_is_the_readme_with_other_targets_of_links_alone():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    description = SETUP["describe"]()

    assert TARGET.sub("]()", description) == TARGET.sub("]()", readme)
    targets = TARGET.findall(description)
    assert len(targets) > 10
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def test_the_doors_of_the_site_lead_to_pages_that_it_has():
    page = (ROOT / "docs" / "site" / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)">', page)
    made_by_the_generator = {"search.html"}

    assert [
        link for link in links if link not in made_by_the_generator and not (ROOT / f"{link[:-5]}.md").is_file()
    ] == []
    assert {"docs/index.html", "docs/leaving.html", "CONTRIBUTING.html"} <= set(links)
    assert f"<h1>{spark_model_monitor.__title__}</h1>" in page
    [picture] = re.findall(r'<img src="_images/([^"]+)"', page)
    assert (ROOT / "docs" / picture).is_file()
    assert f"/_images/{picture}" in re.findall(r'og:image" content="([^"]+)"', page)[0]
