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
    pytest -q -n 2 --dist loadfile -m quick

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
