# The command `freehold`: Python's standard library only, so nothing is built. Its files stay together in share/freehold,
# which bin/freehold leads to; from there it finds the library that was installed beside it.

TOOL_FILES  := $(wildcard tools/freehold/*.py)
TOOL_SHARE   = $(DESTDIR)$(PREFIX)/share
TOOL_COMPLETION = $(TOOL_SHARE)/bash-completion/completions/freehold

.PHONY: install-tools uninstall-tools
install: install-tools
install-tools:
	install -d $(DESTDIR)$(PREFIX)/bin $(TOOL_SHARE)/freehold $(TOOL_SHARE)/man/man1 $(TOOL_SHARE)/man/man7 \
	    $(dir $(TOOL_COMPLETION))
	install -m 755 tools/freehold/freehold $(TOOL_SHARE)/freehold/
	install -m 644 $(TOOL_FILES) $(TOOL_SHARE)/freehold/
	echo $(VERSION) >$(TOOL_SHARE)/freehold/version
	ln -sf ../share/freehold/freehold $(DESTDIR)$(PREFIX)/bin/freehold
	install -m 644 tools/freehold.bash $(TOOL_COMPLETION)
	install -m 644 doc/freehold.1 $(TOOL_SHARE)/man/man1/
	install -m 644 doc/freehold.7 $(TOOL_SHARE)/man/man7/

uninstall: uninstall-tools
uninstall-tools:
	rm -rf $(TOOL_SHARE)/freehold
	rm -f $(DESTDIR)$(PREFIX)/bin/freehold $(TOOL_COMPLETION) $(TOOL_SHARE)/man/man1/freehold.1 \
	    $(TOOL_SHARE)/man/man7/freehold.7
