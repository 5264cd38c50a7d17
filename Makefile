# What each target does is said by `make help`; the work itself is in scripts/.
SHELL := /bin/bash
export PATH := $(HOME)/.cargo/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run test bench quality soak storm fuzz deb vm-test clean

help:   ## this list
	@sed -n 's/^\([a-z-]*\): *## */  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

run:    ## install what is missing, build, and hear the demo: JACK, PipeWire, a sound card, or a file
	@scripts/run.sh

test:   ## every check there is: format, lints, documentation, unit tests, end-to-end tests
	@scripts/test.sh

bench:  ## the figures: cost per strip and sample, with the machine they were measured on
	@scripts/bench.sh

quality: ## every quality bar, measured on files that the program renders; WHAT="eq limiter" for some
	@scripts/quality.sh $(WHAT)

fuzz:   ## coverage-guided fuzzing of every decoder; TIME=60 seconds each, WHAT="osc rig" for some
	@scripts/fuzz.sh $(or $(TIME),60) $(WHAT)

storm:  ## everything that an attacker on the network can do at once, for TIME=60 seconds, kept in docs/storm.txt
	@scripts/storm.sh $(TIME)

soak:   ## MINUTES=60 of storm on the festival rig, and a verdict in docs/soak.txt; RIG=… for another rig
	@scripts/soak.sh $(or $(MINUTES),60) $(RIG)

deb:    ## Debian packages for amd64 and arm64, in target/deb; ARCH=arm64 for one of them
	@scripts/deb.sh $(ARCH)

vm-test: ## the package in an emulated Debian 12: boot, kill, freeze, unplug, power cut; ARCH=arm64, RECORD=1
	@scripts/vm-test.sh $(ARCH)

clean:  ## remove what was built
	@cargo clean
	@rm -f demo.wav
