"""Run the real checker on a crate without the network: `python check_crate.py CRATE SEVERITY REPORT CACHE`.

It asks for two JSON-LD contexts, which are put into its own HTTP cache; then it runs with `--offline`. RO-Crate's
(https://w3id.org/ro/crate/1.1/context, CC0) is kept beside the tests, that of Workflow Run Crates is a list of terms.
For the Python of the environment that holds the checker (.venv/validator).
"""

import io
import json
import sys
from pathlib import Path

from requests import Response
from requests.adapters import BaseAdapter
from requests_cache import CachedSession
from rocrate_validator.cli import cli
from urllib3 import HTTPResponse

RUN_TERMS = [
    *("ParameterConnection", "ContainerImage", "DockerImage", "SIFImage", "connection", "sourceParameter"),
    *("targetParameter", "md5", "sha1", "sha256", "sha512", "environment", "registry", "tag", "containerImage"),
    "resourceUsage",
]
NAMESPACE = "https://w3id.org/ro/terms/workflow-run"
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": Path(__file__).with_name("contexts") / "ro-crate-1.1.jsonld",
    f"{NAMESPACE}/context": {"@context": {term: f"{NAMESPACE}#{term}" for term in RUN_TERMS}},
}


class Kept(BaseAdapter):
    """Answers with the contexts that are kept here."""

    def send(self, request, **_):
        content = CONTEXTS[request.url]
        text = content.read_bytes() if isinstance(content, Path) else json.dumps(content).encode()
        answer = Response()
        answer.status_code, answer.url, answer.request = 200, request.url, request
        answer.headers["Content-Type"] = "application/ld+json"
        answer.raw = HTTPResponse(io.BytesIO(text), headers=answer.headers, status=200, preload_content=False)
        return answer

    def close(self):
        pass


def main(crate, severity, report, cache):
    session = CachedSession(cache_name=cache, backend="sqlite", expire_after=-1)
    session.mount("https://", Kept())
    for address in CONTEXTS:
        session.get(address).raise_for_status()
    session.close()
    command = ["--no-interactive", "--disable-color", "validate", "--offline", "--cache-path", cache, "--no-paging"]
    command += ["-p", "provenance-run-crate", "-l", severity, "-f", "json", "-o", report, crate]
    cli(command, standalone_mode=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
