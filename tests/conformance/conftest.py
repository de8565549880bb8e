"""Streets of one node each for the cases, and the page that tells how the cases went."""

import uuid

import pytest

from tests.conformance import catalogue, results
from tests.conformance.gateway_street import GatewayStreet
from tests.conformance.node_process import INTERPRETERS
from tests.conformance.street import Street
from tools import conformance_page

OSCORE, NONE = results.SECURITIES
RUN = pytest.StashKey[str]()
RESULTS = pytest.StashKey[list]()
PAGE_TEST = "docs/conformance.md tells what was run"


def pytest_generate_tests(metafunc):
    """Run each case over OSCORE, and those that everything else stands on without it too."""
    securities = [OSCORE]
    if metafunc.function.__name__.startswith("test_1_"):
        if catalogue.case_of(metafunc.function.__name__) in catalogue.WITHOUT_SECURITY_TOO:
            securities.append(NONE)
    if "gateway_street" in metafunc.fixturenames:
        metafunc.parametrize("security", securities)
    for name in ("lamp_street", "bin_street"):
        if name in metafunc.fixturenames:
            subjects = [(interpreter, security) for security in securities
                        for interpreter in INTERPRETERS]
            metafunc.parametrize(name, subjects, indirect=True, scope="module",
                                 ids=["-".join(each) for each in subjects])


@pytest.fixture(scope="module")
def lamp_street(request, tmp_path_factory):
    """A lamp for the cases of a module."""
    yield from _street(request.param, "lamp", tmp_path_factory)


@pytest.fixture(scope="module")
def bin_street(request, tmp_path_factory):
    """A bin, which uses queue mode and listens for a second."""
    yield from _street(request.param, "bin", tmp_path_factory, awake_window_s=1)


def _street(subject, furniture, tmp_path_factory, **settings):
    interpreter, security = subject
    folder = tmp_path_factory.mktemp(furniture)
    street = Street(interpreter, furniture, folder, security == OSCORE, **settings)
    yield street
    street.close()
    assert street.node.bugs() == ""


@pytest.fixture
def street(lamp_street):
    """A registered lamp in the configuration in which cases begin."""
    lamp_street.prepare()
    return lamp_street


@pytest.fixture
def sleepy_street(bin_street):
    """The same with the bin."""
    bin_street.prepare()
    return bin_street


@pytest.fixture
def gateway_street(security, tmp_path):
    """A gateway for one case."""
    return GatewayStreet(tmp_path, security)


def pytest_configure(config):
    worker = getattr(config, "workerinput", {})
    config.stash[RUN] = worker.get("testrunuid") or uuid.uuid4().hex


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if _is_case(item):
        outcomes = item.stash.setdefault(RESULTS, [])
        outcomes.append(report.outcome)
        if report.when == "teardown":
            worst = next((each for each in ("failed", "skipped") if each in outcomes), "passed")
            told = item.parent.stash.setdefault(RESULTS, [])
            told.append(results.result_of(item, worst))
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Let each file of cases end with a look at the page."""
    modules = []
    for item in items:
        if _is_case(item):
            if item.parent not in modules:
                modules.append(item.parent)
    for module in modules:
        last = max(index for index, item in enumerate(items) if item.parent is module)
        items.insert(last + 1, PageTest.from_parent(module, name=PAGE_TEST))


def _is_case(item):
    is_here = item.path.parent == results.ROOT / "tests/conformance"
    return is_here and isinstance(item, pytest.Function) and item.name.startswith("test_1_")


class PageTest(pytest.Item):
    """Adds the results of a file to those of the run, and holds the committed page to them."""

    def runtest(self):
        told = results.save(self.config.stash[RUN], self.parent.stash.get(RESULTS, []))
        page = conformance_page.PAGE.read_text() if conformance_page.PAGE.exists() else ""
        if conformance_page.rendered(told, page) != page:
            raise StalePage

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, StalePage):
            return "docs/conformance.md tells something else: python -m tools.conformance_page"
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, 0, self.name


class StalePage(Exception):
    """The results of this run are not those of the committed page."""
