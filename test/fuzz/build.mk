# A target for libFuzzer (clang), with a library whose branches it sees; test/fuzz/run builds it, for the runtime of
# libFuzzer may be missing.

FUZZ := $(BUILD)/fuzz

$(FUZZ)/history: test/fuzz/history.c $(TEST_HEADERS) $(FUZZ)/libfreehold.a test/fuzz/build.mk
	clang $(TEST_COMMON) -O1 -g -fsanitize=fuzzer -o $@ $< $(FUZZ)/libfreehold.a -pthread

ifneq ($(BUILD),build/fuzz)
$(FUZZ)/libfreehold.a: $(LIB_SOURCES) $(LIB_HEADERS) Makefile test/fuzz/build.mk
	$(MAKE) --no-print-directory BUILD=$(FUZZ) CC=clang CFLAGS="-O1 -g -Wno-error -fsanitize=fuzzer-no-link" $@
endif
