# `make model` checks the protocols: the models of tsan/model and their mutants, see doc/PROTOCOLS.md.

.PHONY: model
model:
	@scripts/setup check
	@scripts/model
