# Freehold. `make` builds the library, `make demo` shows it at work, `make check` runs every test.
# Each folder that builds something has a build.mk of its own; all products go to build/.

CC          ?= gcc
ifeq ($(origin CC),default)
CC          := gcc
endif
CXX         := $(if $(findstring clang,$(CC)),clang++,g++)
PREFIX      ?= /usr/local
DESTDIR     ?=
LIBDIR      ?= $(PREFIX)/lib
VERSION     := $(shell sed -n 's/^\#define FH_VERSION_[A-Z]* *//p' include/freehold.h | paste -sd.)
BUILD       ?= build

WARNINGS    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
CFLAGS      ?= -O2 -g
COMMON      := -std=gnu11 $(WARNINGS) -Iinclude -D_GNU_SOURCE -pthread
# initial-exec: the preload is there from the start, and a TLS access is one load. No builtin malloc: the
# compiler must not reason about the functions that are being defined. No PLT: everything is bound at once.
LIB_CFLAGS  := -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-builtin-malloc -fno-builtin-calloc \
               -fno-builtin-realloc -fno-builtin-free -fexceptions -fno-semantic-interposition -fno-plt -Ilib
LIB_LDFLAGS := -Wl,-z,now,-z,relro,-z,nodelete,--no-undefined -Wl,--version-script=lib/exports.map \
               -Wl,-Bsymbolic-functions,--dynamic-list=lib/replaced.map -nostartfiles

LIB_SOURCES := $(wildcard lib/*.c lib/*/*.c)
LIB_HEADERS := $(wildcard lib/*.h lib/*.def lib/*/*.h include/*.h)
# What has tables comes last: then all the small static objects share a page or two.
LIB_TABLES  := lib/superslab/stretch.c lib/superslab/slots.c lib/thread.c lib/remote/queue.c lib/arena/orphans.c \
               lib/superslab/registry.c
LIB_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(LIB_TABLES),$(LIB_SOURCES)) $(LIB_TABLES))
# These replace functions of the C library and call the originals, which a static program has not, or stand for some.
SHARED_ONLY := $(patsubst %,$(BUILD)/obj/lib/%.o,atfork creation deferred key loader original sandbox text)

# V=1 shows the commands.
ifneq ($(V),1)
.SILENT:
endif

.PHONY: all
all: $(BUILD)/libfreehold.so $(BUILD)/libfreehold.a $(BUILD)/freehold.pc

$(BUILD)/obj/%.o: %.c $(LIB_HEADERS) Makefile | packages
	@mkdir -p $(@D)
	@echo "  $(CC) $<"
	$(CC) $(COMMON) $(CPPFLAGS) $(CFLAGS) $(LIB_CFLAGS) -c -o $@ $<

$(BUILD)/libfreehold.so: $(LIB_OBJECTS) lib/exports.map lib/replaced.map
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libfreehold.so.0 $(LIB_LDFLAGS) -o $@ $(LIB_OBJECTS) -pthread

$(BUILD)/libfreehold.a: $(filter-out $(SHARED_ONLY),$(LIB_OBJECTS))
	@rm -f $@
	$(AR) rcs $@ $^

.PHONY: $(BUILD)/freehold.pc
$(BUILD)/freehold.pc: scripts/freehold.pc.in
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' $< >$@

# What is missing to build is installed (as root) or named, once.
.PHONY: packages
packages: | $(BUILD)/packages
$(BUILD)/packages: scripts/setup
	@mkdir -p $(@D)
	@scripts/setup build
	@touch $@

-include stress/build.mk test/build.mk tsan/build.mk scripts/build.mk tools/build.mk

.PHONY: demo check install uninstall clean format
demo: | packages
	@scripts/setup demo
	@$(MAKE) --no-print-directory all stress
	@scripts/demo

check: | packages
	@scripts/setup check programs readers
	@$(MAKE) --no-print-directory all stress test
	@scripts/check

install: all
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/share/man/man3
	install -m 755 $(BUILD)/libfreehold.so $(DESTDIR)$(LIBDIR)/libfreehold.so.$(VERSION)
	ln -sf libfreehold.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libfreehold.so.0
	ln -sf libfreehold.so.0 $(DESTDIR)$(LIBDIR)/libfreehold.so
	install -m 644 $(BUILD)/libfreehold.a $(DESTDIR)$(LIBDIR)/
	install -m 644 $(BUILD)/freehold.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	install -m 644 include/freehold.h include/freehold_live.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 doc/freehold.3 $(DESTDIR)$(PREFIX)/share/man/man3/

uninstall:
	rm -f $(DESTDIR)$(LIBDIR)/libfreehold.so $(DESTDIR)$(LIBDIR)/libfreehold.so.0 \
	    $(DESTDIR)$(LIBDIR)/libfreehold.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libfreehold.a \
	    $(DESTDIR)$(LIBDIR)/pkgconfig/freehold.pc $(DESTDIR)$(PREFIX)/include/freehold.h $(DESTDIR)$(PREFIX)/include/freehold_live.h \
	    $(DESTDIR)$(PREFIX)/share/man/man3/freehold.3

format:
	clang-format -i $(shell git ls-files '*.c' '*.h' '*.cc')

clean:
	rm -rf build
