# `make tsan asan ubsan msan` runs everything under the sanitizers, SECONDS=N for each stress program, see
# doc/SANITIZERS.md; `make mutants` runs the seeded bugs. $(BUILD)/libfreehold-tsan.a is for programs of users
# that are built with -fsanitize=thread by either compiler.

# Programs with a fault that is to be reported, and programs without.
FAULT_LIBS     ?=
FAULT_PROGRAMS := $(patsubst tsan/%.c,$(BUILD)/tsan/%,$(wildcard tsan/fault/*.c tsan/clean/*.c))
TSAN_CFLAGS    := -O2 -g -fsanitize=thread -DFREEHOLD_SANITIZED -DFREEHOLD_TSAN

# The sanitizers' builds of the library include them.
$(LIB_OBJECTS): $(wildcard tsan/*.h)

.PHONY: fault tsan asan ubsan msan mutants
fault: $(FAULT_PROGRAMS)

$(BUILD)/tsan/%: tsan/%.c tsan/fault/handover.h $(filter %.a,$(FAULT_LIBS)) | packages
	@mkdir -p $(@D)
	$(CC) $(COMMON) $(CFLAGS) -o $@ $< $(FAULT_LIBS)

tsan: $(BUILD)/libfreehold-tsan.a
	@tsan/sanitize tsan gcc $(SECONDS)
	@tsan/sanitize tsan clang $(SECONDS)

asan ubsan:
	@tsan/sanitize $@ gcc $(SECONDS)

msan:
	@tsan/sanitize msan clang $(SECONDS)

mutants:
	@scripts/mutants $(SECONDS)

$(BUILD)/libfreehold-tsan.a: $(LIB_SOURCES) $(LIB_HEADERS) $(wildcard tsan/*.h) Makefile tsan/build.mk
	$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan-library CFLAGS="$(TSAN_CFLAGS)" $(BUILD)/tsan-library/libfreehold.a
	cp $(BUILD)/tsan-library/libfreehold.a $@

-include tsan/model.mk
