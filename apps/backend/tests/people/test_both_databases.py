"""What the database itself must hold to, on SQLite and on PostgreSQL: unique names, and changes at the same time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from apps.backend.identifiers import new_id
from apps.backend.identity.tables import users
from apps.backend.people.organisations import create_organisation
from apps.backend.problems import ProblemError
from apps.backend.tests.people.members import PASSWORD, Member, make_user, rows, who
from apps.backend.tests.product import Organisation, Product, running_backend, small_settings


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    settings = small_settings(tmp_path_factory.mktemp("backend"))
    if request.param == "postgresql":
        address = request.getfixturevalue("postgres_address")
        settings = small_settings(tmp_path_factory.mktemp("backend"), database=address)
    with running_backend(settings) as running:
        assert running.parts.database.kind == request.param
        yield running


@pytest.fixture
def organisation(product: Product) -> Organisation:
    return product.organisation(f"Bank {new_id()}")


def new_user(email: str) -> dict[str, str]:
    return {"email": email, "name": "Ann", "role": "viewer", "password": PASSWORD}


def at_once(*asked: Any) -> list[Any]:
    """Ask everything at the same time and return the answers in order."""
    with ThreadPoolExecutor(len(asked)) as pool:
        return [waited.result() for waited in [pool.submit(each) for each in asked]]


def test_an_email_is_used_once_in_an_organisation_in_whatever_case(organisation: Organisation) -> None:
    make_user(organisation, email="ann@example.org")
    refused = organisation.client().post("/api/v1/users", json=new_user("ANN@Example.org"))
    assert (refused.status_code, refused.json()["code"]) == (409, "email_taken")


def test_a_refused_email_tells_nothing_about_other_organisations(product: Product, organisation: Organisation) -> None:
    make_user(product.organisation(f"Other {new_id()}"), email="ann@example.org")
    made = organisation.client().post("/api/v1/users", json=new_user("ann@example.org"))
    assert made.status_code == 201


def test_one_of_many_who_take_an_email_at_once_gets_it(product: Product, organisation: Organisation) -> None:
    posts = [organisation.client().post for _ in range(6)]
    answers = at_once(*(partial(post, "/api/v1/users", json=new_user("ann@example.org")) for post in posts))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert len(rows(product, select(users.c.id).where(users.c.organisation_id == organisation.id))) == 1


def test_a_key_has_its_name_alone_in_its_organisation_only(product: Product, organisation: Organisation) -> None:
    body = {"name": "scoring", "role": "viewer"}
    other = product.organisation(f"Other {new_id()}")
    posts = [each.client().post for each in (organisation, organisation, other)]
    answers = at_once(*(partial(post, "/api/v1/service-keys", json=body) for post in posts))
    assert sorted(answer.status_code for answer in answers[:2]) == [201, 409]
    assert answers[2].status_code == 201


@pytest.mark.parametrize("again", ["Großbank {}", "GROSSBANK  {}", " grossbank {} ", "Ｇrossbank {}"])
def test_an_organisation_has_its_name_alone(product: Product, again: str) -> None:
    number = new_id()
    product.organisation(f"Großbank {number}")

    async def make() -> None:
        async with product.parts.database.writing() as connection:
            await create_organisation(connection, again.format(number))

    with pytest.raises(ProblemError) as refused:
        product.run(make())
    assert (refused.value.status, refused.value.code) == (409, "name_taken")


def test_two_admins_who_step_down_at_once_leave_one(product: Product) -> None:
    for _ in range(5):
        organisation = product.organisation(f"Bank {new_id()}")
        pair = [make_user(organisation, "admin") for _ in range(2)]
        answers = at_once(*(stepping_down(organisation, member) for member in pair))
        assert sorted(answer.status_code for answer in answers) == [200, 409]


def stepping_down(organisation: Organisation, member: Member) -> Callable[[], httpx.Response]:
    return partial(organisation.client().patch, f"/api/v1/users/{member.id}", json={"role": "viewer"})


def test_no_session_outlives_a_deactivation_at_the_same_time(organisation: Organisation) -> None:
    client = organisation.client()
    for _ in range(8):
        member = make_user(organisation)
        stop = partial(client.patch, f"/api/v1/users/{member.id}", json={"is_active": False})
        opened, changed = at_once(member.sign_in, stop)
        assert changed.status_code == 200
        assert opened.status_code in (201, 401, 409)
        if opened.status_code == 201:
            assert who(member, opened.json()["token"]) == 401
