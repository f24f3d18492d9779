"""The agencies' half of the OpenAPI document says what really happens."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from signer.body import parse
from signer.problem_words import TITLES
from signer.problems import PROBLEM
from signer.routes.examples import BODIES, ERRORS
from signer.routes.models import (
    ApproveBody,
    ChangeBody,
    IssueBody,
    RevokeBody,
    SupersedeBody,
)
from signer.routes.sessions import SecretBody, SessionBody
from tests.office import Office

DOCUMENTS = "/api/v1/documents"
MODELS = {
    "issue": IssueBody,
    "approve": ApproveBody,
    "revoke": RevokeBody,
    "suspend": ChangeBody,
    "reinstate": ChangeBody,
    "annul": ChangeBody,
    "supersede": SupersedeBody,
    "signing-sessions": SessionBody,
    "secret": SecretBody,
}


def operations(office: Office) -> dict[str, dict[str, Any]]:
    """Each operation by its action: the last part of its path, "issue" and "state" for the short ones."""
    found = {}
    for path, methods in office.client.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            last = path.rpartition("/")[2]
            short = {"documents": "issue", "{document_id}": "state", "{session_id}": "session"}
            name = short.get(last, last)
            if "/custody/" in path:
                name = f"custody_{name}"
            found[name] = {"method": method, **operation}
    return found


def test_every_route_documents_its_own_errors(office: Office) -> None:
    described = operations(office)
    assert set(described) == set(ERRORS)
    for name, operation in described.items():
        responses = operation["responses"]
        success = {"200", "201", "202"} & set(responses)
        assert set(responses) == {*success, *map(str, ERRORS[name]), "default"}, name
        for status in ERRORS[name]:
            content = responses[str(status)]["content"][PROBLEM]
            assert content["example"]["status"] == status
            assert content["example"]["title"] == TITLES[status][0]
            jsonschema.validate(content["example"], content["schema"])
        reads = operation["method"] == "get"
        assert ({400, 413, 422} & set(ERRORS[name]) == set()) is reads, name


@pytest.mark.parametrize("name", MODELS)
def test_every_documented_body_is_one_that_the_model_takes(office: Office, name: str) -> None:
    content = operations(office)[name]["requestBody"]["content"]["application/json"]
    assert content["examples"]
    for example in content["examples"].values():
        MODELS[name].model_validate(parse(json.dumps(example["value"]).encode()))
        jsonschema.validate(example["value"], content["schema"])


def test_the_documented_bodies_do_what_they_say(office: Office) -> None:
    """Each is sent as it stands, ids and dates apart: nothing but those may be refused."""
    example = operations(office)["issue"]["requestBody"]["content"]["application/json"]["examples"]["new"]
    agency = "bakesbangpol-contoh"
    assert office.post(DOCUMENTS, example["value"], agency).status_code == 202
    document = office.issue()
    path = f"{DOCUMENTS}/{document['id']}"
    for action, status in (("suspend", "suspended"), ("reinstate", "in_force"), ("revoke", "revoked")):
        value = next(iter(BODIES[action].values()))["value"]
        assert office.post(f"{path}/{action}", value).json()["status"] == status
    value = next(iter(BODIES["annul"].values()))["value"]
    assert office.post(f"{path}/annul", value).json()["status"] == "annulled"
    later = office.issue(office.sample(serial=2), key="later")
    answer = office.post(f"{DOCUMENTS}/{later['id']}/revoke", BODIES["revoke"]["later"]["value"])
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("name", "status"),
    [
        (name, status)
        for name in ("issue", "state", "pdf", "prepared", "revoke", "suspend", "reinstate")
        for status in ERRORS[name]
        if status in (400, 401, 404, 409, 413, 422)
    ],
)
def test_the_example_of_an_error_is_what_that_error_looks_like(
    office: Office, name: str, status: int
) -> None:
    """Provoked, each error has the documented code, and the same pointers and codes below it."""
    document = office.request()
    path = DOCUMENTS if name == "issue" else f"{DOCUMENTS}/{document['id']}"
    path += "" if name in ("issue", "state") else f"/{name}"
    method = "GET" if name in ("state", "pdf", "prepared") else "POST"
    key = office.keys["dpmptsp-contoh"] if status != 401 else "absah_000000000000_x"
    content: bytes = json.dumps(office.sample() if name == "issue" else {"reason": "other"}).encode()
    if status == 404:
        path = path.replace(document["id"], "00000000-0000-0000-0000-000000000000")
        content = content.replace(b"sip-dokter", b"sip-dukun")
    elif status == 400:
        content = b'{"reason": "other", "reason": "other"}'
    elif status == 413:
        content = b" " * 5_000_000
    elif status == 409 and name == "issue":
        for n in (2, 3):
            office.request(office.sample(tempat_praktik=f"Klinik {n}", sip_ke=n), key=f"k{n}")
        content = json.dumps(office.sample(tempat_praktik="Klinik 4")).encode()
    elif status == 409 and name in ("revoke", "suspend", "reinstate"):
        office.work()
        first = {"revoke": {"reason": "other", "effective_on": "2027-12-31"}, "suspend": {"reason": "other"}}
        if name in first:
            assert office.post(path, first[name]).status_code == 200
        content = json.dumps(first.get(name, {"reason": "other"})).encode()
    elif status == 422:
        office.work()
        content = {
            "issue": json.dumps(office.sample(nik="123")).encode(),
            "revoke": b'{"reason": "other", "effective_on": "9999-12-31"}',
        }.get(name, b"{}")
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "another"}
    body = None if method == "GET" else content
    answer = office.client.request(method, path, content=body, headers=headers)
    documented = operations(office)[name]["responses"][str(status)]["content"][PROBLEM]["example"]
    assert (answer.status_code, answer.json()["code"]) == (status, documented["code"]), answer.text
    below = [(error["pointer"], error["code"]) for error in answer.json().get("errors", ())]
    assert below == [(error["pointer"], error["code"]) for error in documented.get("errors", ())]
    assert answer.json()["title"] == documented["title"]
