# make demo    the main job with the simulator, from a fresh clone
# make test    what CI runs
# make test-long  the long loops: a million simulated histories, hundreds of kills (about an hour on 2 cores)
# make bench   memory and time of storing 1,000 images of 5 MB through each backend (needs 6 GB of disk)
# make protocol  protocol/openrpc.json and protocol/schemas/native.json as the built klingd tells them
# make release a static release binary
# make format  rewrite the sources in the project's format

export KLINGD_WARNINGS_AS_ERRORS := 1
SWIFT_BUILD := swift build --explicit-target-dependency-import-check error
SOURCES := Package.swift Sources Tests protocol/plugins/content-store
# Without a table of symbols for others, and with relocations packed: 5 MB less in every process.
RELEASE_LINK := $(if $(filter Linux,$(shell uname)),-Xswiftc -use-ld=lld -Xlinker --no-export-dynamic -Xlinker -z -Xlinker pack-relative-relocs)
# On Linux the bundle of tests is a program; running it spares the 6 seconds that each 'swift test' takes to plan.
RUN_TESTS := $(if $(filter Linux,$(shell uname)),.build/debug/klingdPackageTests.xctest --testing-library swift-testing,swift test --skip-build)
TEST_TARGETS := $(notdir $(wildcard Tests/*Tests))

.PHONY: demo test test-long bench protocol lint format build release setup setup-tests clean

demo: build
	@.ci/demo .build/debug/klingd

build: setup
	@echo "==> Building klingd (the first build compiles its dependencies too: about 6 minutes on 2 cores)"
	@$(SWIFT_BUILD) --product klingd

test: setup setup-tests lint
	@echo "==> Building klingd and its tests (the first build takes about 8 minutes on 2 cores)"
	@$(SWIFT_BUILD) --build-tests
	@# One target after the other: their tests use real processes and sockets, and all at once would starve 2 cores.
	@set -e; for target in $(TEST_TARGETS); do \
	    echo "==> Testing: $$target"; \
	    $(RUN_TESTS) --filter "^$$target\\."; \
	done

test-long: setup setup-tests
	@echo "==> Building the simulation with optimisation (about 10 minutes on 2 cores), then a million histories"
	@KLINGD_SIMULATION_RUNS=1000000 swift test --scratch-path .build-simulation -c release --filter '^SimulationTests\.'
	@echo "==> Building klingd and its tests"
	@$(SWIFT_BUILD) --build-tests
	@KLINGD_LONG=1 swift test --skip-build --filter '^IntegrationTests\.'

bench: release setup-tests
	@$(SWIFT_BUILD) --product klingd-storage-content
	@Tests/Benchmarks/storing.py --klingd "$$(swift build --scratch-path .build-release -c release --static-swift-stdlib --show-bin-path)/klingd" --others

protocol: build
	@.ci/protocol .build/debug/klingd

release: setup
	@echo "==> Building a static release (the first one takes about 8 minutes on 2 cores)"
	@swift build --scratch-path .build-release -c release --static-swift-stdlib --product klingd $(RELEASE_LINK)
	@echo "==> $$(swift build --scratch-path .build-release -c release --static-swift-stdlib --show-bin-path)/klingd"

lint:
	@swift format lint --strict --recursive --parallel $(SOURCES)

format:
	@swift format --in-place --recursive --parallel $(SOURCES)

setup:
	@.ci/setup

setup-tests:
	@.ci/setup-tests
	@.ci/fetch-sigv4-suite

clean:
	rm -rf .build .build-*
