# Sespan. `make help` lists the targets; everything they need is fetched into
# .cache and .venv, nothing else on the machine is touched (make test may install Debian's chromium,
# locales, nginx, npm, pgbouncer, systemd and a Java runtime where it runs as root or may sudo).

SHELL      := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON     ?= python3
# Behind the version (file VERSION) of what is no release.
COMMIT     ?= $(shell git describe --always --dirty --exclude '*' 2>/dev/null)
TOOLS      := $(CURDIR)/.cache/bin
VENV       := $(CURDIR)/.venv
VENV_NEXT  := $(CURDIR)/.venv-next
GOLANGCI   := $(TOOLS)/golangci-lint-v2.15.0
GOFUMPT    := $(TOOLS)/gofumpt-v0.12.0
SQLC       := $(TOOLS)/sqlc-v1.31.1
NFPM       := $(TOOLS)/nfpm-v2.43.1
CYCLONEDX  := $(TOOLS)/cyclonedx-gomod-v1.9.0
GOVULN     := $(TOOLS)/govulncheck-v1.1.4
PROMTOOL   := $(TOOLS)/promtool
PROMETHEUS := $(TOOLS)/prometheus
GO_BUILD   := CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.commit=$(COMMIT)"
# Draws the charts of the pages for staff. It comes from npm, as package-lock.json says, and is not committed.
UPLOT      := django_bridge/src/django_sespan/static/django_sespan/vendor/uplot/uPlot.iife.min.js
AXE        := django_bridge/node_modules/axe-core/axe.min.js
# The second PostgreSQL of the test matrix; the first is the default of internal/devtools/devdb.
OLD_POSTGRES ?= 15

.DEFAULT_GOAL := help
.PHONY: help audit release package test-package charts charts-if-possible wheel demo test lint generate verify bench bench-mail bench-broker bench-admin bench-attack bench-oracle bench-counting bench-reports fault-mail fault-counting fault-broker try-relays build fmt clean test-fast test-fast-go test-fast-django test-go test-go-old test-broker test-django test-django-next test-django-newer test-python-next test-e2e test-alerts test-dashboards test-monitoring

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: bin/sespan bin/sespan-demo charts-if-possible ## Run the whole demonstration: database, inbox, service, shop (DEMO_ARGS=--help)
	@exec bin/sespan-demo $(DEMO_ARGS)

# Suites that need the machine for themselves, and two lanes beside each other: neither keeps both cores busy. What they all
# need is fetched and installed before, because two at once would be in each other's way.
SUITES := test-alerts test-dashboards test-monitoring test-package test-broker
LANE_1 := test-go test-go-old test-e2e
LANE_2 := test-django test-django-next
NEEDED := /usr/sbin/pgbouncer /usr/share/i18n/locales/tr_TR /usr/bin/chromium /usr/sbin/nginx /usr/bin/systemd-analyze .cache/postgresql-15/.ready $(VENV)/.ready $(UPLOT) $(AXE) $(PROMETHEUS) bin/sespan test-python-next
test: ## Set up and run every test
	@times=$$(mktemp); second=$$(mktemp); trap 'rm -f $$times $$second; kill $$(jobs -p) 2>/dev/null || true' EXIT; \
	run() { for suite in "$$@"; do local began=$$SECONDS; $(MAKE) --no-print-directory $$suite || return 1; \
	  echo "  $$suite $$((SECONDS - began)) s" >> $$times; done; }; \
	$(MAKE) --no-print-directory $(NEEDED); run $(SUITES) || exit 1; \
	run $(LANE_2) > $$second 2>&1 & lane=$$!; failed=; \
	run $(LANE_1) || failed=1; wait $$lane || failed=1; cat $$second; \
	[ -z "$$failed" ] || { echo "A suite failed."; exit 1; }; \
	printf 'All tests passed. Seconds of each suite, those from test-go on in two lanes:\n'; cat $$times

# The inner loop: one server of PostgreSQL, Go and Django side by side, what is quick of each. Left out
# are the database's own tests and the whole service (internal/postgres, internal/app), the tools, the
# tests that need the built program, and those that build sites or fill tables.
SLOW_GO     := internal/(postgres|app|devtools)(/|$$)
SLOW_DJANGO := live ten_minutes test_recipes.py test_recipes_oscar.py test_mail_drivers.py test_wheel.py test_testing.py test_testing_rules.py test_admin_scale.py test_package.py test_mail_attachments.py test_enumeration.py test_races.py test_logins.py
test-fast: $(VENV)/.ready ## The inner loop: quick tests of Go and Django, no browser, nothing installed
	@MAKEFLAGS= go run ./internal/devtools/devdb/exec -- $(MAKE) --no-print-directory -j2 test-fast-go test-fast-django

test-fast-go:
	@go test $$(go list ./... | grep -vE '$(SLOW_GO)')

test-fast-django:
	@$(VENV)/bin/pytest -q django_bridge/tests -c django_bridge/pyproject.toml $(addprefix --ignore=django_bridge/tests/,$(SLOW_DJANGO))

lint: $(GOLANGCI) $(VENV)/.ready ## Run the linters and type checkers
	$(GOLANGCI) run --allow-parallel-runners ./...
	go run ./internal/devtools/folding
	go run ./internal/devtools/sqllint $(VENV)/bin/squawk
	cd django_bridge && $(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	cd django_bridge && $(VENV)/bin/mypy
	cd django_bridge/example && $(VENV)/bin/mypy
	cd django_bridge/e2e && $(VENV)/bin/mypy

generate: $(SQLC) $(GOFUMPT) ## Write the generated files: sqlc, OpenAPI, settings, dashboards
	$(SQLC) generate
	$(GOFUMPT) -w cmd internal sql
	@$(MAKE) --no-print-directory bin/sespan
	bin/sespan openapi > docs/openapi.json
	go run ./internal/devtools/configdoc > docs/configuration.md
	go run ./internal/devtools/dashboards

verify: $(SQLC) bin/sespan ## Fail when a generated file or go.mod is stale
	$(SQLC) diff
	diff -u docs/openapi.json <(bin/sespan openapi) || { echo "docs/openapi.json is stale: run make generate"; exit 1; }
	diff -u docs/configuration.md <(go run ./internal/devtools/configdoc) || { echo "docs/configuration.md is stale: run make generate"; exit 1; }
	@folder=$$(mktemp -d) && go run ./internal/devtools/dashboards -folder $$folder && diff -ru grafana/dashboards $$folder || \
	  { echo "grafana/dashboards is stale: run make generate"; exit 1; }; rm -r $$folder
	go mod tidy -diff
	go mod verify

bench: bin/sespan ## Measure draws, codes and mails against their targets (BENCH_ARGS=-quick to try it)
	go run ./internal/devtools/bench $(BENCH_ARGS)

bench-broker: bin/sespan .cache/kafka/.ready .cache/rabbitmq/.ready ## Measure dispatch by RabbitMQ and Kafka beside PostgreSQL alone, and what PostgreSQL carries (BENCH_ARGS=-quick to try it)
	go run ./internal/devtools/bench $(BENCH_ARGS) broker simulation

bench-attack: bin/sespan ## Make a million hostile calls and print rows, bytes, memory and what the site feels (BENCH_ARGS="-calls 200000", -quick to try it)
	go run ./internal/devtools/bench $(BENCH_ARGS) attack attack-mails

bench-counting: bin/sespan ## Measure what counting costs (PREVIOUS=path/to/a/binary/of/before, else with the triggers off; BENCH_ARGS="-rounds 20")
	go run ./internal/devtools/bench $(if $(PREVIOUS),-previous $(abspath $(PREVIOUS))) $(BENCH_ARGS) counting

fault-mail: bin/sespan ## Put the mail queue through faults and count (PREVIOUS=path/to/an/older/sespan adds two versions side by side)
	go run ./internal/devtools/faults $(if $(PREVIOUS),-previous $(abspath $(PREVIOUS))) $(BENCH_ARGS)

fault-counting: bin/sespan ## Kill processes and sessions under draws, cancellations and codes, and compare every count (BENCH_ARGS=-quick to try it)
	go run ./internal/devtools/faults $(BENCH_ARGS) counting

fault-broker: bin/sespan .cache/kafka/.ready .cache/rabbitmq/.ready ## Put RabbitMQ and Kafka, nodes and clusters of three, through faults and count (BENCH_ARGS="-only 'kafka/*'" for some cases, -list, -quick)
	go run ./internal/devtools/faults $(BENCH_ARGS) broker

bench-admin: $(VENV)/.ready ## Measure the staff pages at a million mails, and the site's own enqueuing
	go run ./internal/devtools/devdb/exec -- $(VENV)/bin/pytest -s -q django_bridge/tests/bench_admin.py django_bridge/tests/bench_mail.py -c django_bridge/pyproject.toml

bench-reports: bin/sespan ## Measure counts, lists of transactions and the API log's search at two sizes (BENCH_ARGS="-rows 1000000", -quick to try it)
	go run ./internal/devtools/reports $(BENCH_ARGS)

bench-oracle: $(VENV)/.ready bin/sespan ## Print how well the time of each form and call tells who has an account (SESPAN_BENCH_SAMPLES=100 to try it)
	SESPAN_BIN=$(CURDIR)/bin/sespan go run ./internal/devtools/devdb/exec -- $(VENV)/bin/pytest -s -q django_bridge/tests/live/bench_oracle.py -c django_bridge/pyproject.toml

bench-mail: bin/sespan ## Measure the mail queue alone (BENCH_ARGS=-quick to try it)
	go run ./internal/devtools/bench $(BENCH_ARGS) mail

try-relays: bin/sespan ## Send through Debian's Postfix, Exim and OpenSMTPD and compare (BENCH_ARGS="-only exim" for one, -quick to try it)
	@mkdir -p $(TOOLS) && go build -o $(TOOLS)/mailservers ./internal/devtools/mailservers; \
	if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
	$$SUDO $(TOOLS)/mailservers $(BENCH_ARGS)

build: ## Build the static binary bin/sespan
	$(GO_BUILD) -o bin/sespan ./cmd/sespan

package: $(NFPM) $(CYCLONEDX) ## Build Debian packages, archives, their bills of materials and sums into dist
	@ARCHES="$(ARCHES)" COMMIT=$(COMMIT) NFPM=$(NFPM) CYCLONEDX=$(CYCLONEDX) packaging/package

# Outside .ci/run: what it asks changes from day to day. A database that cannot be reached fails it.
audit: $(GOVULN) $(VENV)/.ready ## Look the dependencies up in the databases of known vulnerabilities (needs the internet)
	@packaging/audit $(GOVULN) $(VENV)

release: ## Make the commit and the tag of a release and begin the next (RELEASE=0.1.0 NEXT=0.2.0); pushes nothing
	@packaging/release "$(RELEASE)" "$(NEXT)"

wheel: $(VENV)/.ready $(UPLOT) ## Build the Python package, with the charts in it, into django_bridge/dist
	cd django_bridge && rm -rf dist && $(VENV)/bin/python -m pip wheel -q --no-deps --no-build-isolation -w dist .

fmt: $(GOFUMPT) $(VENV)/.ready ## Format Go and Python
	$(GOFUMPT) -w cmd internal sql
	cd django_bridge && $(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

clean: ## Remove what the build and the tests made
	rm -rf bin dist .venv .venv-next .cache test-results

charts: $(UPLOT) ## Fetch uPlot from npm for the charts of the pages for staff

# The demonstration runs without them: tables stand in their place.
charts-if-possible:
	@if [ ! -f $(UPLOT) ]; then { command -v npm >/dev/null && cd django_bridge && npm run --silent charts; } || \
	  echo "No charts: install Node.js with npm and run make charts. Until then tables stand in their place."; fi

$(UPLOT): django_bridge/package.json django_bridge/package-lock.json | /usr/bin/npm
	@echo "fetching uPlot"
	@cd django_bridge && npm run --silent charts
	@touch $@

$(AXE): $(UPLOT)
	@[ -f $@ ] || (cd django_bridge && npm run --silent charts)
	@touch $@

# Always rebuilt: the Go tool knows best what has changed.
.PHONY: bin/sespan bin/sespan-demo
bin/sespan bin/sespan-demo:
	@echo "building $@"
	@$(GO_BUILD) -o $@ ./cmd/$(@F)

test-go: /usr/sbin/pgbouncer /usr/share/i18n/locales/tr_TR .cache/postgresql-15/.ready
	go test -race -timeout 30m $$(go list ./... | grep -vE 'devtools/(monitoring$$|brokers/)')

test-go-old: /usr/sbin/pgbouncer /usr/share/i18n/locales/tr_TR
	PGTEST_VERSION=$(OLD_POSTGRES) go test -count=1 -timeout 30m ./internal/postgres/... ./internal/httpapi/...

# RabbitMQ and Apache Kafka themselves; alone, because nodes that wait for a core are taken for dead.
test-broker: .cache/kafka/.ready .cache/rabbitmq/.ready
	go test -count=1 -timeout 10m -p 1 ./internal/devtools/brokers/...

test-django: $(VENV)/.ready bin/sespan $(UPLOT) /usr/share/i18n/locales/tr_TR
	SESPAN_BIN=$(CURDIR)/bin/sespan go run ./internal/devtools/devdb/exec -- $(VENV)/bin/pytest django_bridge/tests -c django_bridge/pyproject.toml
	SESPAN_BIN=$(CURDIR)/bin/sespan go run ./internal/devtools/devdb/exec -- $(VENV)/bin/pytest django_bridge/example -c django_bridge/example/pyproject.toml

# The Python of Django 6.1, for the newer half of the matrix and for the staff's pages on it.
test-python-next:
	@if .ci/next-python $(if $(CI),--fetch) >/dev/null; then $(MAKE) --no-print-directory $(VENV_NEXT)/.ready; \
	elif [ -n "$(CI)" ]; then echo "Django 6.1 needs Python 3.12 or newer: set NEXT_PYTHON=/path/to/python3.13"; exit 1; \
	else echo "Django 6.1 and the staff's pages on it stay untested: no Python 3.12 or newer was found (set NEXT_PYTHON=/path/to/python3.13)"; fi

# The newer half of the matrix. What does not depend on Django's version runs once.
test-django-next: test-python-next
	@if .ci/next-python >/dev/null; then $(MAKE) --no-print-directory test-django-newer; fi

NEXT_PYTEST = SESPAN_BIN=$(CURDIR)/bin/sespan go run ./internal/devtools/devdb/exec -- $(VENV_NEXT)/bin/pytest
test-django-newer: $(VENV_NEXT)/.ready bin/sespan /usr/share/i18n/locales/tr_TR
	$(NEXT_PYTEST) django_bridge/tests -c django_bridge/pyproject.toml $(addprefix --ignore=django_bridge/tests/,test_package.py test_wheel.py test_codes.py test_mail_drivers.py test_recipes_oscar.py)
	$(NEXT_PYTEST) django_bridge/example -c django_bridge/example/pyproject.toml

test-e2e: $(VENV)/.ready bin/sespan /usr/bin/chromium /usr/sbin/nginx $(UPLOT) $(AXE) $(PROMETHEUS) test-python-next
	SESPAN_BIN=$(CURDIR)/bin/sespan go run ./internal/devtools/devdb/exec -- $(VENV)/bin/pytest django_bridge/e2e

# The dashboards as literals of Grafana's own TypeScript types; what they show is held by the Go tests.
DASHBOARD_TYPES := internal/devtools/dashboards/typescript
test-dashboards: $(DASHBOARD_TYPES)/node_modules/.package-lock.json
	go run ./internal/devtools/dashboards -types > $(DASHBOARD_TYPES)/dashboards.ts
	cd $(DASHBOARD_TYPES) && npm run --silent check

$(DASHBOARD_TYPES)/node_modules/.package-lock.json: $(DASHBOARD_TYPES)/package-lock.json | /usr/bin/npm
	cd $(DASHBOARD_TYPES) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# As root, or with sudo: a package is installed by nobody else.
test-package: ARCHES = $(shell go env GOARCH)
test-package: package /usr/bin/systemd-analyze
	@if [ "$$(id -u)" = 0 ]; then packaging/try; else sudo packaging/try; fi

test-alerts: $(PROMTOOL)
	cd grafana/prometheus && $(PROMTOOL) check config prometheus.yml && $(PROMTOOL) check rules *.rules.yml && \
	printf '%s\n' *.rules_test.yml | xargs -n 1 -P 2 $(PROMTOOL) test rules

# Every query of dashboards, rules and alerts, asked of a Prometheus that scrapes a service in use; alone, because it scrapes each second.
test-monitoring: $(PROMETHEUS)
	go test -count=1 -v ./internal/devtools/monitoring

# Debian's package is unpacked, not installed: a server that starts by itself is not wanted.
$(PROMTOOL) $(PROMETHEUS) &:
	@mkdir -p $(TOOLS); \
	if command -v promtool >/dev/null && command -v prometheus >/dev/null; then \
	  ln -sf "$$(command -v promtool)" $(PROMTOOL); ln -sf "$$(command -v prometheus)" $(PROMETHEUS); exit 0; fi; \
	command -v apt-get >/dev/null || { echo "The tests of the alerts need Prometheus and its promtool; install them with your package manager"; exit 1; }; \
	if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
	work=$$(mktemp -d) && chmod 755 $$work && cd $$work && \
	{ apt-get download -qq prometheus 2>/dev/null || { $$SUDO apt-get update -qq && apt-get download -qq prometheus; }; } && \
	dpkg-deb -x prometheus_*.deb . && mv -f usr/bin/promtool usr/bin/prometheus $(TOOLS)/ && rm -rf $$work

# A package of Debian's that is installed where a file of it is missing, as root or through sudo:
# $(1) package, $(2) the file, $(3) what needs it, $(4) a command of it that will do from anywhere on the PATH, if any
define apt
$(2):
	@$(if $(4),if command -v $(4) >/dev/null; then exit 0; fi;) \
	if [ "$$$$(id -u)" = 0 ]; then SUDO=; elif command -v sudo >/dev/null; then SUDO=sudo; else \
	  echo "$(3) $(2): apt-get install $(1)"; exit 1; fi; \
	command -v apt-get >/dev/null || { echo "$(3) $(2), of Debian's package $(1); install it with your package manager"; exit 1; }; \
	$$$$SUDO apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$$$SUDO apt-get install -y -qq --no-install-recommends $(1)
endef
# PostgreSQL 15 with its client, for the commands of docs/dba.md: unpacked, not installed, because no server is to start. Of
# what it needs, libraries are installed.
.cache/postgresql-15/.ready:
	@mkdir -p $(@D); if [ -x /usr/lib/postgresql/15/bin/postgres ] && [ -x /usr/lib/postgresql/15/bin/psql ]; then touch $@; exit 0; fi; \
	command -v apt-get >/dev/null || { echo "The tests of the DBA's page need PostgreSQL 15 in /usr/lib/postgresql/15; install it with your package manager"; exit 1; }; \
	if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
	$$SUDO apt-get update -qq; libraries=$$(apt-get install -s --no-install-recommends postgresql-15 | sed -n 's/^Inst \(lib[^ ]*\) .*/\1/p'); \
	[ -z "$$libraries" ] || DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -y -qq --no-install-recommends $$libraries; \
	work=$$(mktemp -d) && chmod 755 $$work && cd $$work && apt-get download -qq postgresql-15 postgresql-client-15 && \
	for package in *.deb; do dpkg-deb -x $$package $(CURDIR)/$(@D); done && rm -rf $$work && touch $(CURDIR)/$@

# Apache Kafka from Maven Central, jar by jar with their sums.
.cache/kafka/.ready: internal/devtools/kafkad/jars.txt | /usr/bin/java
	@echo "fetching Apache Kafka"
	@go run ./internal/devtools/kafkad/fetch $(@D) && touch $@

$(eval $(call apt,default-jre-headless,/usr/bin/java,The tests of Apache Kafka need,java))
# RabbitMQ with its Erlang for internal/devtools/rabbitmqd: unpacked, not installed, because no server is to start. Of the
# libraries those come along which this machine has not; a status of nothing makes apt name Erlang where it is installed too.
.cache/rabbitmq/.ready:
	@command -v apt-get >/dev/null || { echo "The tests of the brokers need Debian's RabbitMQ, unpacked into .cache/rabbitmq; run them on Debian or Ubuntu"; exit 1; }; \
	wanted() { apt-get install -s --no-install-recommends "$$@" rabbitmq-server | sed -n 's/^Inst \([^ ]*\) .*/\1/p'; }; \
	fetch() { apt-get download -qq $$({ wanted | grep '^lib' || true; wanted -o Dir::State::status=/dev/null | grep -E '^(erlang-|rabbitmq-server$$)'; } | sort -u); }; \
	if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
	echo "unpacking RabbitMQ into $(@D)"; rm -rf $(@D); mkdir -p $(@D); \
	work=$$(mktemp -d) && chmod 755 $$work && cd $$work && \
	{ fetch 2>/dev/null || { $$SUDO apt-get update -qq && fetch; }; } && ls rabbitmq-server_*.deb >/dev/null && \
	for package in *.deb; do dpkg-deb -x $$package $(CURDIR)/$(@D); done && rm -rf $$work && touch $(CURDIR)/$@

$(eval $(call apt,pgbouncer,/usr/sbin/pgbouncer,The tests of the listener need,pgbouncer))
# The sources of the Turkish locale; devdb compiles it into a folder of its own.
$(eval $(call apt,locales,/usr/share/i18n/locales/tr_TR,The tests of addresses need))
$(eval $(call apt,chromium,/usr/bin/chromium,The browser tests need))
$(eval $(call apt,systemd,/usr/bin/systemd-analyze,The test of the package needs,systemd-analyze))
# Debian starts a server of its own on port 80; it may, the tests start theirs beside it.
$(eval $(call apt,nginx-light,/usr/sbin/nginx,The test of Grafana behind the login needs))
$(eval $(call apt,npm,/usr/bin/npm,The charts and the check of the dashboards need,npm))

$(VENV)/.ready: django_bridge/pyproject.toml django_bridge/example/requirements.txt django_bridge/e2e/requirements.txt
	@echo "preparing the Python environment in .venv"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@cd django_bridge && $(VENV)/bin/pip install -q -e '.[dev]' -r example/requirements.txt -r e2e/requirements.txt 'Django>=5.2,<5.3'
	@touch $@

$(VENV_NEXT)/.ready: django_bridge/pyproject.toml django_bridge/example/requirements.txt
	@echo "preparing the Python environment of Django 6.1 in .venv-next"
	@"$$(.ci/next-python)" -m venv --clear $(VENV_NEXT)
	@cd django_bridge && $(VENV_NEXT)/bin/pip install -q -e '.[test]' -r example/requirements.txt 'Django>=6.1,<6.2'
	@touch $@

# $(1) tool, $(2) module, $(3) version
define tool
$(TOOLS)/$(1)-$(3):
	@echo "building $(1) $(3)"
	@mkdir -p $(TOOLS) && GOFLAGS= GOBIN=$(TOOLS) go install $(2)@$(3) && mv $(TOOLS)/$(1) $$@
endef
$(eval $(call tool,golangci-lint,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,v2.15.0))
$(eval $(call tool,gofumpt,mvdan.cc/gofumpt,v0.12.0))
$(eval $(call tool,nfpm,github.com/goreleaser/nfpm/v2/cmd/nfpm,v2.43.1))
$(eval $(call tool,cyclonedx-gomod,github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod,v1.9.0))
$(eval $(call tool,govulncheck,golang.org/x/vuln/cmd/govulncheck,v1.1.4))
$(eval $(call tool,sqlc,github.com/sqlc-dev/sqlc/cmd/sqlc,v1.31.1))
