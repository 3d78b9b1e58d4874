# `make bench` compares Freehold with its peers (QUICK=1: with less work; ROWS=REGEX: only the rows of these names;
# PEERS="NAME=FILE ...": with further peers, or, as base=FILE, with an earlier build of Freehold); `make soak SECONDS=N`
# runs the stress programs with all checks.

.PHONY: bench soak
bench: | packages
	@scripts/setup bench
	@$(MAKE) --no-print-directory all stress
	@PEERS="$(PEERS)" scripts/bench $(if $(QUICK),--quick) $(if $(ROWS),--rows '$(ROWS)')

soak: all stress
	@scripts/soak $(or $(SECONDS),60)
