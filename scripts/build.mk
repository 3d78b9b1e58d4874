# `make bench` compares Freehold with its peers (QUICK=1: with less work; ROWS=REGEX: only the rows of these names;
# PEERS="NAME=FILE ...": with further peers, or, as base=FILE, with an earlier build of Freehold), and `make
# bench-programs` does so under real programs; `make soak SECONDS=N` runs the stress programs with all checks.

.PHONY: bench bench-programs soak
bench: | packages
	@scripts/setup bench
	@$(MAKE) --no-print-directory all stress
	@PEERS="$(PEERS)" scripts/bench $(if $(QUICK),--quick) $(if $(ROWS),--rows '$(ROWS)')

bench-programs: | packages
	@scripts/setup programs
	@$(MAKE) --no-print-directory all
	@PEERS="$(PEERS)" scripts/programs $(if $(QUICK),--quick) $(if $(ROWS),--rows '$(ROWS)')

soak: all stress
	@scripts/soak $(or $(SECONDS),60)

# `make misuse` runs the programs with one bug each on Freehold and its peers, and writes doc/MISUSE.md.
.PHONY: misuse
misuse: all test
	@scripts/misuse
