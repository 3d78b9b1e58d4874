# `make bench` compares Freehold with its peers (QUICK=1: in five minutes; PEERS="NAME=FILE ...": with further
# ones); `make soak SECONDS=N` runs the stress programs with all checks.

.PHONY: bench soak
bench: | packages
	@scripts/setup bench
	@$(MAKE) --no-print-directory all stress
	@PEERS="$(PEERS)" scripts/bench $(if $(QUICK),--quick)

soak: all stress
	@scripts/soak $(or $(SECONDS),60)
