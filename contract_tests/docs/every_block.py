"""Every fenced block of every page, and how it is tried. A new block needs a row.

A row is found by the first words of its block (``python:*``: all of a language).
"""

from __future__ import annotations

from contract_tests.docs import ways
from contract_tests.docs.ways import Console, Elsewhere, Python, Read, Saved, Sql, Way

PATHS = "contract_tests/docs/test_architecture_page.py"
HOOKS = "contract_tests/docs/test_hooks.py"
HOSTS = "contract_tests/hosts/test_hosts.py"
GATEWAY = "contract_tests/adapters/brain_gateway/test_docs.py"
AGENTS = "contract_tests/docs/test_agents.py"
TEMPORAL = "contract_tests/adapters/temporal/test_docs.py"
ASKED = "bizosaas-xero run create_invoice --params @invoice.json --business-key D-1042 --as sales-agent"
SHOP = "$ cd {repository}/contract_tests/selftest/csvshop\n"
SANDBOX = {"8900": "{port}"}

# ---------------------------------------------------------------- every block

WAYS: dict[str, dict[str, Way]] = {
    "README.md": {
        "pip install -c constraints.txt '.[all]'": Console(
            {"'.[all]'": "'bizosaas-xero[all]'"}, in_repository=True, slow=True
        ),
        "pip install -c constraints.txt -e '.[test]'": Console(
            {
                "-e '.[test]'": "'bizosaas-xero[test]'",
                "loadfile": "loadfile contract_tests/test_architecture.py",
            },
            in_repository=True,
            slow=True,  # .ci/run runs this line itself
        ),
        "export XERO_CLIENT_ID=…": Console(
            {"XERO_CLIENT_ID=…": "XERO_CLIENT_ID={client_id}", "SECRET=…": "SECRET={client_secret}"}
        ),
        "bizosaas-xero contract xero": Console(slow=True),  # contract_tests/contract runs it at every change
    },
    "actions/": {"python:*": Elsewhere(f"{HOOKS}::test_every_example_of_a_hooks_page_runs")},
    "hooks/": {"python:*": Elsewhere(f"{HOOKS}::test_every_example_of_a_hooks_page_runs")},
    "write-a-host.md": {"python:*": Elsewhere(f"{HOOKS}::test_every_example_of_a_hooks_page_runs")},
    "agents.md": {
        '{\n  "mcpServers"': Elsewhere(f"{AGENTS}::test_the_configurations_that_are_shown_are_accepted"),
        "claude mcp add --transport stdio": Read("it needs Claude Code and an account there", ways.by_claude),
        "claude mcp add --transport http": Read("it needs Claude Code and an account there", ways.by_claude),
        "export BIZOSAAS_MCP_TOKEN": Console(
            {"My Shop Ltd": "Demo Company (NZ)", "--http": "--http --port {free}"},
            serves={"bizosaas-xero mcp": "/mcp"},
        ),
        "export BIZOSAAS_OIDC_ISSUER": Read(
            "it needs an issuer; contract_tests/adapters/mcp/test_sign_in_with_provider.py runs one", ways.last_accepted
        ),
        "import os\n\ntool": Elsewhere(f"{AGENTS}::test_the_configurations_that_are_shown_are_accepted"),
        "import anyio": Elsewhere(
            "contract_tests/adapters/mcp/test_reading.py::test_the_agent_of_the_documentation_runs"
        ),
    },
    "brain-gateway.md": {
        "pip install": Console(),
        "python:*": Elsewhere(f"{GATEWAY}::test_the_lines_to_add_mount_what_is_installed"),
        "html:*": Elsewhere(f"{GATEWAY}::test_the_link_of_the_portal_is_a_page"),
        "json:*": Read(
            "it is the body of a request that contract_tests/adapters/brain_gateway/test_guide.py makes",
            ways.a_payload,
        ),
    },
    "cassettes.md": {
        '[[scenarios]]\nname = "invoices-incremental': Read("the kit's run in README.md plays it", ways.a_scenario),
        '[[scenarios]]\nname = "payment-planned': Read("the kit's run in README.md plays it", ways.a_scenario),
        "pytest --pyargs bizosaas_xero.contract": Read(
            "it writes all cassettes anew, which takes minutes (contract_tests/contract does it for some)",
            ways.collected,
        ),
        "XERO_CLIENT_ID=… XERO_CLIENT_SECRET=…": Read(
            "it needs a real Xero account; contract_tests/contract/test_record.py runs it with the sandbox",
            lambda block: ways.accepted(block.text.split("SECRET=… ")[1]),
        ),
    },
    "architecture.md": {"text:*": Elsewhere(f"{PATHS}::test_every_folder_of_the_package_has_its_row")},
    "contributing.md": {
        "python3 -m venv": Read("README.md's second block installs the same", ways.is_installed_by_the_readme),
        "just": Read("it runs the tests that run this", ways.recipes_exist),
        ".ci/full": Read("each part takes minutes or an hour", ways.parts_of_ci_exist),
        "bizosaas-xero --debug": Read(
            "contract_tests/cli/test_log.py runs it against the sandbox",
            ways.logged_commands,
        ),
    },
    "contract.md": {
        "bizosaas-xero contract xero": Console(
            {"$ bizosaas-xero contract my_package.my_module": f"{SHOP}$ bizosaas-xero contract csvshop"},
            slow=True,
        ),
        "from bizosaas_xero.contract import check": Python(slow=True),
        "[[exempt]]": Read("an example of a promise that nothing here breaks", ways.an_exemption),
    },
    "hosting.md": {
        "from bizosaas_xero.host import open_host": Elsewhere(
            "contract_tests/host/test_docs.py::test_the_example_of_the_embedded_host_runs"
        ),
        "[Unit]": Read("systemd is not in our test machines", ways.a_unit),
    },
    "hosts/index.md": {
        "pip install bizosaas-xero stevedore": Console(
            {"CLIENT_ID=…": "CLIENT_ID={custom_id}", "SECRET=…": "SECRET={custom_secret}"},
            files={"host.py": "hosts/synchronous.md"},
        ),
    },
    "hosts/asyncio.md": {"python:*": Elsewhere(f"{HOSTS}::test_the_asyncio_host_reads_side_by_side")},
    "hosts/processes.md": {
        "python:*": Elsewhere(f"{HOSTS}::test_a_connector_in_a_process_of_its_own_is_read_over_json_lines")
    },
    "hosts/strict.md": {"python:*": Elsewhere(f"{HOSTS}::test_the_strict_host_reads_what_it_allows_and_nothing_else")},
    "hosts/synchronous.md": {"python:*": Elsewhere(f"{HOSTS}::test_the_synchronous_host_reads_only_what_changed")},
    "performance.md": {
        "python -m contract_tests.benchmarks ": Read("25 minutes", ways.understood("contract_tests.benchmarks"))
    },
    "proof.md": {
        "python -m contract_tests.mutation": Read("minutes", ways.understood("contract_tests.mutation")),
    },
    "reliability.md": {
        "python -m contract_tests.reliability.soak": Read(
            "10 minutes", ways.understood("contract_tests.reliability.soak")
        ),
        "python -m contract_tests.reliability.fuzz": Read(
            "minutes, with atheris", ways.understood("contract_tests.reliability.fuzz")
        ),
        "HYPOTHESIS_PROFILE=search": Read("minutes; .ci/full runs it", ways.collected),
    },
    "temporal.md": {
        "from concurrent.futures": Elsewhere(f"{TEMPORAL}::test_the_worker_is_given_both_activities"),
        "from datetime": Elsewhere(f"{TEMPORAL}::test_the_documented_workflow_runs"),
    },
    "write-a-connector.md": {
        "python3 -m venv": Console(slow=True),
        '"""A connector for a shop': Saved("csvshop.py"),
        'transport = "none"': Saved("contract.toml"),
        '"""The shop, as the contract kit': Saved("csvshop_fixtures.py"),
        "bizosaas-xero contract csvshop": Console(),
        "[build-system]": Read("building needs the network; contract_tests/selftest installs it", ways.a_distribution),
    },
    "approval.md": {
        '{\n  "contact"': Saved("invoice.json"),
        "bizosaas-xero run create_invoice": Console(
            codes={"bizosaas-xero run": 3}, remember={"9f6fb60ac197": r"bizosaas-xero approve (\w{12})"}
        ),
        "bizosaas-xero approve\n": Console(answers=(("decide later]", "yes"),)),
        f"{ASKED}\n  Invoice id": Console(),
        "bizosaas-xero configure --policy": Console(),
        "bizosaas-xero audit\n": Console(),
        "bizosaas-xero audit --verify": Console(),
        "outcome = host.act": Python(
            "import json, pathlib\nfrom bizosaas_xero.host import open_host\n"
            "host = open_host().__enter__()\nconnection_id = host.store.connections()[0].id\n"
            "params = json.loads(pathlib.Path('invoice.json').read_text())\n"
        ),
    },
    "cli.md": {
        "bizosaas-xero demo": Console(),
        "export XERO_CLIENT_ID=...": Console(
            {"XERO_CLIENT_ID=...": "XERO_CLIENT_ID={client_id}"},
            answers=(("Client secret (not shown):", "{client_secret}"),),
        ),
    },
    "five-minutes.md": {
        "python3 -m venv": Console({"'.[all]'": "'bizosaas-xero[all]'", "-c ": "-c {repository}/"}),
        "export BIZOSAAS_HOME=~/bizosaas-try\n": Console(),
        "bizosaas-xero demo": Console(),
        "export BIZOSAAS_HOME=~/bizosaas-try/demo": Console(),
        "sql:*": Sql(),
        "bizosaas-xero sandbox": Console({"sandbox": "sandbox --port 0"}, serves={"bizosaas-xero sandbox": "connect"}),
        "export BIZOSAAS_HOME=~/bizosaas-try/by-hand": Console(
            {"export ": "export XERO_CLIENT_ID={client_id} XERO_CLIENT_SECRET={client_secret} "}
        ),
        "curl": Console(codes={"bizosaas-xero sync": 4}),
    },
    "web.md": {
        "bizosaas-xero web": Read(
            "it serves until it is stopped; contract_tests/web/test_browser.py runs it in a browser",
            lambda block: ways.accepted(block.text.strip("$ \n")),
        ),
        "export BIZOSAAS_OIDC_ISSUER": Read(
            "it needs an issuer; contract_tests/web/test_oidc_provider.py runs one", ways.last_accepted
        ),
        "bizosaas-xero configure --notify": Read(
            "it needs addresses of the reader's; contract_tests/web/test_announce.py sends to one", ways.last_accepted
        ),
        "python:*": Elsewhere("contract_tests/web/test_security.py::test_the_example_of_a_platform_mounts_the_pages"),
    },
    "sandbox.md": {
        "bizosaas-xero sandbox --port": Console(
            {"8900": "{free}", "--json": "--json --port 0"},
            serves={"bizosaas-xero sandbox --port": "connect", "bizosaas-xero sandbox --json": "api_url"},
        ),
        "python:*": Elsewhere(f"{HOOKS}::test_the_examples_of_the_sandbox_run"),
        "curl -s http://127.0.0.1:8900/_sandbox/consent": Console(
            {"http://127.0.0.1:8900/identity/connect/authorize?…": "{authorize}", **SANDBOX}
        ),
        "curl -s -u CLIENT_ID": Console(
            {"CLIENT_ID": "{custom_id}", "CLIENT_SECRET": "{custom_secret}", **SANDBOX},
            remember={"TOKEN": '"access_token":"([^"]+)"'},
        ),
        "curl -s http://127.0.0.1:8900/connections": Console({"TENANT": "{organisation}", **SANDBOX}),
        "curl -s -X PATCH": Console({"{id}": "{organisation}", **SANDBOX}),
        "python -c": Console(slow=True),
        "curl -s http://127.0.0.1:8900/_sandbox/webhooks": Console(SANDBOX),
        "curl -s http://127.0.0.1:8900/_sandbox/statements": Console(SANDBOX),
        "curl -s http://127.0.0.1:8900/_sandbox/faults": Console(SANDBOX),
        "pytest -m slow": Read("it takes many minutes; .ci/full runs it", ways.collected),
        "XERO_RECORDINGS": Read("it needs recordings, which are not ours to publish", ways.collected),
    },
    "verify.md": {
        "bizosaas-xero connect": Elsewhere(
            "contract_tests/cli/test_verify.py::"
            "test_the_command_prints_a_page_without_the_books_and_writes_facts_and_cassettes"
        ),
        "bizosaas-xero sandbox --facts": Elsewhere(
            "contract_tests/cli/test_verify.py::test_the_sandbox_behaves_as_the_facts_say"
        ),
    },
    "scopes.md": {
        "bizosaas-xero connect --scopes": Console(
            {"bizosaas-xero": "XERO_CLIENT_ID={client_id} XERO_CLIENT_SECRET={client_secret} bizosaas-xero"}
        ),
    },
    "start.md": {
        "export XERO_CLIENT_ID=...": Console(
            {"XERO_CLIENT_ID=...": "XERO_CLIENT_ID={client_id}", "SECRET=...": "SECRET={client_secret}"}
        ),
        "bizosaas-xero configure --interval": Console(),
        "bizosaas-xero configure --timezone": Console(),
    },
}
SYNCED = {"agents.md", "approval.md"}
"""Pages that go on from where another ended."""
