# test/FOLDER/NAME.c or .cc becomes the program $(BUILD)/test/FOLDER/NAME. It is built against the system's malloc and
# gets Freehold by preload when it runs. A folder with a build.mk of its own builds itself, and adds to `test`.

TEST_OWN     := $(dir $(wildcard test/*/build.mk))
TEST_FOLDERS := $(filter-out $(TEST_OWN),$(sort $(dir $(wildcard test/*/*))))
TEST_SOURCES := $(wildcard $(TEST_FOLDERS:%=%*.c) $(TEST_FOLDERS:%=%*.cc))
TEST_HEADERS := $(wildcard test/*/*.h) include/freehold.h
# No builtins: the compiler must not reason about the functions under test, nor drop calls of them.
TEST_COMMON  := $(COMMON) -fno-builtin -Itest
# -Wshadow is C's alone: for C++ the function fh_counters shadows the constructor of struct fh_counts.
TEST_COMMON_CXX := $(filter-out -std=% -Wshadow -Wstrict-prototypes -Wmissing-prototypes,$(TEST_COMMON)) \
                   -std=gnu++17 -fsized-deallocation
TEST_LIBS    := -Wl,--as-needed -lcmocka

.PHONY: test
test: $(addprefix $(BUILD)/,$(basename $(TEST_SOURCES)))

$(BUILD)/test/%: test/%.c $(TEST_HEADERS) test/build.mk | packages
	@mkdir -p $(@D)
	$(CC) $(TEST_COMMON) $(CFLAGS) $(TEST_CFLAGS) -o $@ $< $(TEST_LIBS)

$(BUILD)/test/%: test/%.cc $(TEST_HEADERS) test/build.mk | packages
	@mkdir -p $(@D)
	$(CXX) $(TEST_COMMON_CXX) $(CFLAGS) $(TEST_CFLAGS) -o $@ $< $(TEST_LIBS)

# The program of the fh_* names links the library instead, and finds it by its soname.
$(BUILD)/test/conformance/twin: TEST_LIBS += -L$(BUILD) -lfreehold -Wl,-rpath,'$$ORIGIN/../..'
$(BUILD)/test/conformance/twin: $(BUILD)/libfreehold.so.0
$(BUILD)/libfreehold.so.0: $(BUILD)/libfreehold.so
	ln -sf libfreehold.so $@
# Programs with a bug: as they would be shipped, but with every access where it stands.
$(BUILD)/test/misuse/%: TEST_CFLAGS := -O1
# The allocator calls the program's mmap, and its likes.
$(BUILD)/test/misuse/deny $(BUILD)/test/misuse/unchecked: TEST_LIBS += -rdynamic
# It is preloaded.
$(BUILD)/test/live/watcher: TEST_CFLAGS := -shared -fPIC

$(BUILD)/test/command/static: TEST_LIBS := -static

# The program with a planted leak, with frame pointers and without.
$(BUILD)/test/command/leak: TEST_CFLAGS := -fomit-frame-pointer
$(BUILD)/test/command/framed: TEST_CFLAGS := -fno-omit-frame-pointer
$(BUILD)/test/command/framed: test/command/leak.c
	@mkdir -p $(@D)
	$(CC) $(TEST_COMMON) $(CFLAGS) $(TEST_CFLAGS) -o $@ $< $(TEST_LIBS)
test: $(BUILD)/test/command/framed

-include $(wildcard test/*/build.mk)
