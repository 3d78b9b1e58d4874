# White-box tests: `make unit` builds each program of test/unit against the static library and its internal headers.
# A second build, for a sanitizer, sets BUILD, CFLAGS, UNIT_CFLAGS, and UNIT_LIBS to the library that has the fh_*
# functions.

UNIT_DIR      ?= $(BUILD)/test/unit
UNIT_CFLAGS   ?=
UNIT_LIBS     ?= $(BUILD)/libfreehold.a
UNIT_SHARED   := worker child layout
UNIT_NAMES    := $(filter-out $(UNIT_SHARED),$(basename $(notdir $(wildcard test/unit/*.c))))
UNIT_PROGRAMS := $(UNIT_NAMES:%=$(UNIT_DIR)/%)
UNIT_OBJECTS  := $(UNIT_SHARED:%=$(BUILD)/obj/test/unit/%.o)
UNIT_HEADERS  := $(wildcard test/unit/*.h) $(LIB_HEADERS)

.PHONY: unit
unit: $(UNIT_PROGRAMS)
test: unit

$(BUILD)/obj/test/unit/%.o: test/unit/%.c $(UNIT_HEADERS) test/unit/build.mk | packages
	@mkdir -p $(@D)
	@echo "  $(CC) $<"
	$(CC) $(COMMON) $(CFLAGS) -fno-builtin -Ilib $(UNIT_CFLAGS) -c -o $@ $<

$(UNIT_PROGRAMS): $(UNIT_DIR)/%: $(BUILD)/obj/test/unit/%.o $(UNIT_OBJECTS) $(filter %.a,$(UNIT_LIBS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $(filter %.o,$^) $(UNIT_LDFLAGS) $(UNIT_LIBS) -lcmocka -pthread

# The test stands in for a kernel that has no memory for metadata.
$(UNIT_DIR)/outbox: UNIT_LDFLAGS := -Wl,--wrap=metadata_take
# For a namespace in which a child has its parent's number.
$(BUILD)/obj/test/unit/live.o: lib/live.c
$(UNIT_DIR)/live: UNIT_LDFLAGS := -Wl,--wrap=os_process
# For a kernel that moves no pages, or maps none, and what happens as soon as they are moved.
$(UNIT_DIR)/huge: UNIT_LDFLAGS := -Wl,--wrap=os_move,--wrap=os_renew
# And for a clock that does not matter.
$(UNIT_DIR)/cuts $(UNIT_DIR)/profile: UNIT_LDFLAGS := -Wl,--wrap=countdown_pace -lm
# And for no memory for samples.
$(UNIT_DIR)/cuts: UNIT_LDFLAGS += -Wl,--wrap=places_take
# And for what happens in the middle of letting go.
$(UNIT_DIR)/wakeup: UNIT_LDFLAGS := -Wl,--wrap=slab_release,--wrap=slab_make
