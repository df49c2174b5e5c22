"""Each service has a page, which names all that others can ask of it, hear of it and set."""

import pytest
from docs.pages import ROOT, inline_code

from stoa.app import OURS
from stoa.cli.variables import sections
from stoa.kit.service import Service

PAGES = {page.stem: page for page in (ROOT / "docs" / "services").glob("*.md")}

each_service = pytest.mark.parametrize("service", OURS, ids=lambda service: service.name)


def test_each_has_a_page_and_no_page_is_of_none():
    assert sorted(PAGES) == sorted(service.name for service in OURS)


@each_service
def test_all_that_it_offers_is_named(service: Service):
    named = set(inline_code(PAGES[service.name]))
    routes = {f"{method} {path.replace(':uuid}', '}')}" for method, path in service.endpoints}
    settings = {setting.variable for _, section in sections({service.name: service}) for setting in section}
    own = {variable for variable in settings if variable.startswith(f"STOA_{service.name.upper()}_")}
    assert routes | {*service.announces, *service.hears} | own <= named


@each_service
def test_somebody_has_said_what_it_is_for(service: Service):
    """A program writes the end of a page, and begins one that is not there with nothing but its title."""
    title, *said = PAGES[service.name].read_text().partition("\n## Reference\n")[0].strip().split("\n\n")
    assert title.startswith("# ")
    assert said
