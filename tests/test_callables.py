"""Functions whose call does none of their work are refused wherever that work is timed, watched or shared out."""

import functools

import pytest

from perfcore import ConfigurationError
from perfcore.callables import begins_later, check, name_of
from perfcore.runtime import parallel, profiling


async def coroutine(x=0):
    return x


def generator(x=0):
    yield x


async def asynchronous(x=0):
    yield x


class Later:
    async def __call__(self, x=0):
        return x

    async def method(self, x=0):
        return x


class Now:
    def __call__(self, x=0):
        return x


LATER = [coroutine, generator, asynchronous, Later(), Later().method, functools.partial(coroutine, 1)]
LATER.append(functools.partial(Later(), x=1))


@pytest.mark.parametrize("function", LATER)
def test_what_only_begins_is_told_and_refused(function):
    assert begins_later(function) is not None
    with pytest.raises(ConfigurationError, match="work: .* only begins when it is called"):
        check(function, "work")


@pytest.mark.parametrize("function", [len, print, lambda: 1, Now(), Now, Later, functools.partial(len, ""), "".join])
def test_what_works_when_it_is_called_is_taken(function):
    assert begins_later(function) is None
    check(function)


@pytest.mark.parametrize("function", LATER)
def test_profiles_and_maps_refuse_what_only_begins(function):
    for call in (
        lambda: profiling.time(function),
        lambda: profiling.time(function, by="pyinstrument"),
        lambda: profiling.lines(function),
        lambda: profiling.memory(function),
        lambda: profiling.memory(function, by="memray"),
        lambda: parallel.map(function, [1]),
        lambda: parallel.compare(function, [1]),
    ):
        with pytest.raises(ConfigurationError, match="only begins when it is called"):
            call()


def test_profiles_and_maps_refuse_what_cannot_be_called():
    for call in (lambda: profiling.time(3), lambda: profiling.lines(3), lambda: parallel.map(3, [1])):
        with pytest.raises(ConfigurationError, match="function: expected a function, got int"):
            call()


def test_names_are_those_of_functions_or_of_classes_of_what_is_called():
    assert [name_of(each) for each in (generator, Now().__call__, Now(), "".join, functools.partial(len))] == [
        "generator",
        "Now.__call__",
        "Now",
        "str.join",
        "partial",
    ]
