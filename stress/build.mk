# `make stress` builds the programs and the recorder to $(BUILD)/stress. A second build, for a sanitizer, sets
# BUILD and CFLAGS, STRESS_CFLAGS=-DSTRESS_FH and STRESS_LIBS to the library that has the fh_* functions.

STRESS_DIR      ?= $(BUILD)/stress
STRESS_CFLAGS   ?=
STRESS_LIBS     ?=
STRESS_NAMES    := larson handoff mixed fixed pipeline churn orphan retire burst pool sleeper \
                   swarm shuffle scatter pairs buffers expanse drift forkstorm realloc aligned latency replay
STRESS_PROGRAMS := $(STRESS_NAMES:%=$(STRESS_DIR)/%)
STRESS_SHARED   := $(patsubst %,$(BUILD)/obj/stress/%.o,stress block batch phase timeline)
STRESS_HEADERS  := $(addprefix stress/,stress.h block.h set.h batch.h ring.h phase.h trace.h timeline.h)
# What the allocator returns is to be checked, not assumed.
STRESS_BUILTINS := $(patsubst %,-fno-builtin-%,malloc free calloc realloc aligned_alloc posix_memalign memalign)

.PHONY: stress
# The recorder replaces malloc, as the sanitizers do: only the plain build has it.
stress: $(STRESS_PROGRAMS) $(if $(STRESS_LIBS),,$(STRESS_DIR)/recorder.so)

$(BUILD)/obj/stress/%.o: stress/%.c $(STRESS_HEADERS) stress/build.mk | packages
	@mkdir -p $(@D)
	@echo "  $(CC) $<"
	$(CC) $(COMMON) $(CFLAGS) $(STRESS_BUILTINS) $(STRESS_CFLAGS) -c -o $@ $<

$(STRESS_PROGRAMS): $(STRESS_DIR)/%: $(BUILD)/obj/stress/%.o $(STRESS_SHARED) $(filter %.a,$(STRESS_LIBS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(STRESS_LIBS) -pthread

$(STRESS_DIR)/recorder.so: stress/recorder.c stress/trace.h stress/build.mk | packages
	@mkdir -p $(@D)
	@echo "  $(CC) $<"
	$(CC) $(COMMON) $(CFLAGS) $(STRESS_BUILTINS) -fPIC -fvisibility=hidden -ftls-model=initial-exec -shared \
	    -o $@ $< -pthread
