"""Wrong passwords are bounded for each address and each account, in bounded memory."""

from collections.abc import Iterator

import httpx
import pytest

from apps.backend.identifiers import new_id
from apps.backend.identity import attempts
from apps.backend.identity.attempts import Attempts, Bound, network_of
from apps.backend.people.sign_in import wrong_credentials
from apps.backend.problems import ProblemError, not_found
from apps.backend.tests.people.members import PASSWORD, ask, make_user
from apps.backend.tests.product import Product, StandingClock


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(1000.0)


def bounded(clock: StandingClock, account: int = 3, address: int = 5) -> Attempts:
    """Bounds within 60 seconds."""
    return Attempts(Bound(account, 60.0), Bound(address, 60.0), clock)


def wrong(tried: Attempts, address: str | None, account: str) -> bool:
    """Be wrong once, and tell whether it was let through."""
    try:
        with tried.counted(address, account):
            raise wrong_credentials()
    except ProblemError as problem:
        return problem.status == 401


def right(tried: Attempts, address: str | None, account: str) -> bool:
    try:
        with tried.counted(address, account):
            return True
    except ProblemError:
        return False


def test_an_account_may_be_guessed_so_often_from_wherever_it_is(clock: StandingClock) -> None:
    tried = bounded(clock)
    assert [wrong(tried, f"10.0.0.{number}", "ann") for number in range(5)] == [True] * 3 + [False] * 2
    assert wrong(tried, "10.0.0.9", "bob"), "another account is another bucket"
    with pytest.raises(ProblemError, match="Too many wrong passwords") as refused, tried.counted("10.0.0.9", "ann"):
        pass
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "20"})
    clock.seconds += 20.0
    assert wrong(tried, "10.0.0.9", "ann")
    assert not wrong(tried, "10.0.0.9", "ann")
    clock.seconds += 60.0
    assert [wrong(tried, "10.0.0.9", "ann") for _ in range(4)] == [True] * 3 + [False]


def test_an_address_may_guess_so_often_whomever_it_tries(clock: StandingClock) -> None:
    tried = bounded(clock)
    assert [wrong(tried, "10.0.0.1", f"user {number}") for number in range(7)] == [True] * 5 + [False] * 2
    assert wrong(tried, "10.0.0.2", "user 6")
    assert not right(tried, "10.0.0.1", "whoever knows the password too")


def test_what_is_not_wrong_costs_nothing(clock: StandingClock) -> None:
    tried = bounded(clock)
    assert all(right(tried, "10.0.0.1", "ann") for _ in range(20))
    for _ in range(20):
        with pytest.raises(ProblemError), tried.counted("10.0.0.1", "ann"):
            raise not_found("user")
    assert [wrong(tried, "10.0.0.1", "bob") for _ in range(4)] == [True] * 3 + [False]


def test_tries_at_the_same_time_count_before_they_end(clock: StandingClock) -> None:
    tried = bounded(clock)
    with tried.counted("10.0.0.1", "ann"), tried.counted("10.0.0.2", "ann"), tried.counted("10.0.0.3", "ann"):
        assert not right(tried, "10.0.0.4", "ann")
    assert right(tried, "10.0.0.4", "ann")


def test_a_try_that_is_broken_off_counts(clock: StandingClock) -> None:
    tried = bounded(clock)
    for _ in range(3):
        with pytest.raises(ConnectionError), tried.counted("10.0.0.1", "ann"):
            raise ConnectionError
    assert not right(tried, "10.0.0.1", "ann")


def test_who_guesses_elsewhere_does_not_lock_the_owner_out_where_the_owner_was_before(clock: StandingClock) -> None:
    tried = bounded(clock)
    assert right(tried, "10.0.0.1", "ann")
    while wrong(tried, "10.9.9.9", "ann"):
        pass
    assert right(tried, "10.0.0.1", "ann")
    assert not right(tried, "10.0.0.2", "ann")
    assert [wrong(tried, "10.0.0.1", "ann") for _ in range(4)] == [True] * 3 + [False], "there too it is bounded"


def test_memory_is_bounded_and_who_guessed_most_is_kept(clock: StandingClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST_KEPT", 10)
    tried = bounded(clock, address=1000)
    while wrong(tried, "10.0.0.1", "ann"):
        pass
    for number in range(100):
        wrong(tried, f"10.1.0.{number}", f"user {number}")
        right(tried, f"10.1.0.{number}", f"friend {number}")
    kept = (tried._accounts._full_at, tried._addresses._full_at, tried._entered)
    assert max(len(each) for each in kept) <= 10
    assert not wrong(tried, "10.0.0.2", "ann")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("unix socket", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_stands_for_what_one_client_has(address: str | None, network: str) -> None:
    assert network_of(address) == network


@pytest.fixture
def few(product: Product) -> Iterator[None]:
    """Three wrong passwords of an account, in a moment that does not pass."""
    usual = product.parts.attempts
    product.parts.attempts = Attempts(Bound(3, 600.0), Bound(100, 600.0), StandingClock())
    yield
    product.parts.attempts = usual


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("exists", [True, False])
def test_signing_in_is_refused_after_so_many_wrong_passwords_whether_the_user_exists_or_not(
    product: Product, exists: bool
) -> None:
    member = make_user(product.organisation(f"Bank {new_id()}"))
    changes = {} if exists else {"email": "nobody@example.org"}
    answers = [member.sign_in("not the password of anybody", **changes) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 2
    assert member.sign_in(**changes).status_code == 429, "nor is the right one looked at"
    assert answers[-1].json()["code"] == "too_many_attempts"
    assert answers[-1].headers["Retry-After"] == "200"
    assert make_user(member.organisation).sign_in().status_code == 201


@pytest.mark.usefixtures("few")
def test_case_and_spaces_make_no_second_account(product: Product) -> None:
    member = make_user(product.organisation(f"Bank {new_id()}"))
    written = [member.email, member.email.upper(), f" {member.email}", member.email.title()]
    assert [member.sign_in("not the password", email=each).status_code for each in written] == [401] * 3 + [429]


@pytest.mark.usefixtures("few")
def test_the_own_password_is_guessed_no_more_often(product: Product) -> None:
    member = make_user(product.organisation(f"Bank {new_id()}"))
    token = member.token()
    body = {"current_password": "not the password", "new_password": PASSWORD + " too"}
    answers: list[httpx.Response] = [
        ask(member.organisation.address, token, "PUT", "/api/v1/me/password", body) for _ in range(4)
    ]
    assert [answer.status_code for answer in answers] == [403] * 3 + [429]
