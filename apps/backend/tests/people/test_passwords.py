"""Hashes of passwords: Argon2id, slow on purpose, beside the event loop; and which passwords are refused."""

import asyncio
import time

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from apps.backend.identity import passwords
from apps.backend.identity.passwords import Checked, Passwords
from apps.backend.people.password_rules import LONGEST, SHORTEST, generated_password, require_strong, weakness
from apps.backend.problems import ProblemError
from apps.backend.tests.people.members import OTHER_PASSWORD, PASSWORD
from apps.backend.tests.product import PATIENCE_SECONDS

QUICK = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}


def hashed(password: str, **parameters: int) -> str:
    return asyncio.run(Passwords(**(parameters or QUICK)).hash(password))


def checked(stored: str | None, password: str, **parameters: int) -> Checked:
    return asyncio.run(Passwords(**(parameters or QUICK)).check(stored, password))


def test_hashes_are_argon2id_with_the_parameters_of_rfc_9106() -> None:
    stored = asyncio.run(Passwords().hash(PASSWORD))
    _, kind, version, parameters, salt, tag = stored.split("$")
    assert (kind, version, parameters) == ("argon2id", "v=19", "m=65536,t=3,p=4")
    assert (len(salt), len(tag)) == (22, 43), "16 and 32 bytes"
    assert len(stored) <= 200, "the column's length"


def test_the_same_password_has_another_hash_each_time_and_fits_all() -> None:
    first, second = hashed(PASSWORD), hashed(PASSWORD)
    assert first != second
    assert checked(first, PASSWORD) == checked(second, PASSWORD) == Checked(is_right=True)
    assert checked(first, OTHER_PASSWORD) == Checked(is_right=False)
    assert checked(first, PASSWORD + " ") == Checked(is_right=False)


def test_a_hash_of_other_parameters_is_outdated() -> None:
    old = hashed(PASSWORD)
    assert checked(old, PASSWORD, time_cost=2, memory_cost=8, parallelism=1) == Checked(True, is_outdated=True)
    assert checked(old, "wrong", time_cost=2, memory_cost=8, parallelism=1) == Checked(False)


def test_nobodys_hash_takes_the_same_work_and_no_password_fits_it() -> None:
    made = Passwords(time_cost=2, memory_cost=1024, parallelism=1)
    assert made._dummy.split("$")[1:4] == asyncio.run(made.hash(PASSWORD)).split("$")[1:4]
    assert [len(part) for part in made._dummy.split("$")] == [
        len(part) for part in asyncio.run(made.hash(PASSWORD)).split("$")
    ]
    assert asyncio.run(made.check(None, PASSWORD)) == Checked(is_right=False)


@given(st.text(max_size=LONGEST))
def test_no_text_fits_nobodys_hash_and_every_text_its_own(text: str) -> None:
    assert not checked(None, text).is_right
    assert checked(hashed(text), text).is_right


def test_letters_are_the_same_however_a_keyboard_writes_them() -> None:
    assert checked(hashed("fünf Körbe mit Äpfeln"), "fu\u0308nf Ko\u0308rbe mit A\u0308pfeln").is_right


TURNS = 5
"""Of the event loop while one hash is made; with a loop that waits for the hash, there is one of them at most."""


class Watching(PasswordHasher):
    """Makes a hash anew until the event loop turned while it was made."""

    turns = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """Return a hash."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while True:
            before = self.turns
            made = super().hash(password, salt=salt)
            if self.turns >= before + TURNS:
                return made
            assert time.monotonic() < limit, "the event loop stands still while a password is hashed"


def test_the_event_loop_goes_on_while_passwords_are_hashed() -> None:
    async def watch() -> str:
        made, watching = Passwords(), Watching()
        made._hasher = watching
        hashing = asyncio.create_task(made.hash(PASSWORD))
        while not hashing.done():
            await asyncio.sleep(0.002)
            watching.turns += 1
        return await hashing

    assert checked(asyncio.run(watch()), PASSWORD).is_right


def test_so_many_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MOST_WAITING", 3)

    async def many() -> list[object]:
        made = Passwords(time_cost=2, memory_cost=4096, parallelism=1)
        return await asyncio.gather(*(made.hash(PASSWORD) for _ in range(8)), return_exceptions=True)

    answers = asyncio.run(many())
    refused = [answer for answer in answers if isinstance(answer, ProblemError)]
    assert len(refused) == 8 - passwords.AT_ONCE - 3
    assert {(problem.status, problem.code) for problem in refused} == {(503, "sign_in_busy")}
    assert all("Retry-After" in problem.headers for problem in refused)


@pytest.mark.parametrize(
    "weak",
    [
        "elevenchars",
        "x" * (LONGEST + 1),
        "aaaaaaaaaaaa",
        "abababababab",
        "abc123abc123",
        "swordfishswordfish",
        "abcdefghijkl",
        "zyxwvutsrqponm",
        "123456789012",
        "qwertyuiopas",
        "QWERTZUIOPASDF",
        "1q2w3e4r5t6y",
        "Password1234",
        "p@ssw0rd!!!!",
        "P4$$w0rd2026",
        "2026administrator",
        "ChangeMe12345",
        "correct horse battery staple",
        "ann.smith-is-me",
        "I am ANN.SMITH@example.org",
        "Nordbank Nordbank!",
        "my nord bank login",
        "smith, with a hammer",
        "ｐａｓｓｗｏｒｄ１２３４",
    ],
)
def test_passwords_that_are_guessed_first_are_refused(weak: str) -> None:
    with pytest.raises(ProblemError) as refused:
        require_strong(weak, ("ann.smith@example.org", "Nord Bank", "Smith"))
    assert (refused.value.status, refused.value.code) == (422, "weak_password")
    assert weak not in str(refused.value.to_problem(None))


@pytest.mark.parametrize(
    "strong", [PASSWORD, OTHER_PASSWORD, "8Fh2kq!vMz0x", "пять серых цапель", "一二三四五六七八九十百千万"]
)
def test_long_words_that_do_not_belong_together_are_taken(strong: str) -> None:
    assert weakness(strong, ("ann.smith@example.org", "Nord Bank", "Ann")) is None


def test_generated_passwords_are_strong_and_never_the_same() -> None:
    drawn = {generated_password() for _ in range(200)}
    assert len(drawn) == 200
    assert all(weakness(each) is None and len(each) >= 2 * SHORTEST for each in drawn)
