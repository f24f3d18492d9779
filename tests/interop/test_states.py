"""What is kept from one state of a file to the next is what reading that one anew would give."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.interop.conftest import SAMPLE, genuine_sample
from verifier.form_fields import read_form
from verifier.pdf.document import Document, File
from verifier.pdf.objects import Damaged
from verifier.roles import extend_roles, map_roles

_SEVERAL = [each.file for each in genuine_sample() if len(each.steps) > 1]


def _states(name: str) -> list[Document]:
    data = (SAMPLE / "genuine" / name).read_bytes()
    file, states, at = File(data), [], 0
    while (at := data.find(b"%%EOF", at)) >= 0:
        at += len(b"%%EOF")
        try:
            states.append(file.until(at, repair=False))
        except Damaged:
            continue  # the first end of a linearised file is none
    return states


@pytest.mark.parametrize("name", _SEVERAL)
def test_what_changed_between_two_states_is_among_what_is_looked_at(name: str) -> None:
    for before, after in pairwise(_states(name)):
        numbers = before.entries.keys() | after.entries.keys()
        differing = {number for number in numbers if before.entries.get(number) != after.entries.get(number)}
        assert differing <= after.entries_changed_since(before)


@pytest.mark.parametrize("name", _SEVERAL)
def test_a_form_read_on_is_the_form_read_anew(name: str) -> None:
    states = _states(name)
    form = read_form(states[0])
    for before, after in pairwise(states):
        form = read_form(after, form, after.entries_changed_since(before))
        assert form.nodes == read_form(after).nodes


@pytest.mark.parametrize("name", _SEVERAL)
def test_a_map_that_is_extended_lacks_no_role(name: str) -> None:
    states = _states(name)
    known = map_roles(states[0])
    for before, after in pairwise(states):
        known = extend_roles(known, after, after.entries_changed_since(before))
        anew = map_roles(after)
        missing = {
            number: anew.of(number) - known.of(number)
            for number in after.entries
            if not anew.of(number) <= known.of(number)
        }
        assert missing == {}
