# Everyday work on this repository. `just` is on PyPI: pip install rust-just

set shell := ["bash", "-euo", "pipefail", "-c"]

# Show the recipes.
default:
    @just --list

# Install the package and everything that tests need.
setup:
    pip install -c constraints.txt -e '.[test]'

# Run every test that a change must pass.
test:
    pytest -n auto --dist loadfile

# Run one test file, or one test: just test-one contract_tests/connector/sync/test_sync.py
test-one path *options:
    pytest -q -p no:xdist "{{path}}" {{options}}

# Run the quick loop: what says most in under a minute.
quick:
    env -u PYTHONDONTWRITEBYTECODE pytest -q -n 2 --dist loadfile \
        contract_tests/spec contract_tests/toolkit contract_tests/test_architecture.py \
        contract_tests/connector/records contract_tests/connector/auth \
        contract_tests/connector/http/test_client.py contract_tests/connector/http/test_logging.py \
        contract_tests/connector/sync/test_strange_pages.py \
        contract_tests/connector/actions/reports/test_layout.py contract_tests/connector/actions/reports/test_ageing.py \
        contract_tests/host/actions/test_policy.py contract_tests/host/sync/test_scheduler.py \
        contract_tests/sandbox/ledger contract_tests/docs/test_language.py contract_tests/docs/test_architecture_page.py

# Check style and import walls.
lint:
    ruff check .
    ruff format --check .
    lint-imports

# Check types.
types:
    mypy

# Renew what is generated, then build the pages into docs/_build.
docs:
    python -m contract_tests.docs.generate
    sphinx-build -W -n -q docs docs/_build

# Record the cassettes whose names have a word again, from the sandbox: just record invoices
record part="":
    pytest --pyargs bizosaas_xero.contract --bizosaas-connector xero \
        --bizosaas-contract cassettes/xero/contract.toml --record-mode=rewrite \
        --bizosaas-world bizosaas_xero.cli.recording.sandbox_stage --bizosaas-scenario "{{part}}"

# Begin an action: its file, page, scenarios and a test that lists what to fill in: just new-action contacts merge_contacts write
new-action family name effect="read":
    python -m contract_tests.new action {{family}} {{name}} {{effect}}

# Begin an entity: its row, scenarios and a test: just new-entity quotes Quotes Quote QuoteID
new-entity name path shape key:
    python -m contract_tests.new entity {{name}} {{path}} {{shape}} {{key}}
