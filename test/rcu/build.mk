# Programs that use liburcu themselves: one source, once for each flavour.

RCU_FLAVOURS := bp mb memb qsbr
RCU_PROGRAMS := $(RCU_FLAVOURS:%=$(BUILD)/test/rcu/%)
test: $(RCU_PROGRAMS)

$(RCU_PROGRAMS): $(BUILD)/test/rcu/%: test/rcu/program.c $(TEST_HEADERS) test/rcu/build.mk | packages
	@mkdir -p $(@D)
	$(CC) $(TEST_COMMON) $(CFLAGS) -DFLAVOUR_$* -o $@ $< -lurcu-$* -lurcu-common
