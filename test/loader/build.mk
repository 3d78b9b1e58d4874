# A program and two objects that it loads with RTLD_DEEPBIND, by names that only its own RUNPATH finds.

LOADER := $(BUILD)/test/loader
test: $(LOADER)/program $(LOADER)/late $(LOADER)/waiting

$(LOADER)/objects/%.so: test/loader/object.c test/loader/build.mk | packages
	@mkdir -p $(@D)
	$(CC) $(TEST_COMMON) $(CFLAGS) -shared -fPIC -o $@ $<

$(LOADER)/program: test/loader/program.c $(LOADER)/objects/one.so $(LOADER)/objects/two.so $(TEST_HEADERS)
	$(CC) $(TEST_COMMON) $(CFLAGS) -o $@ $< -Wl,-rpath,'$$ORIGIN/objects',--enable-new-dtags

$(LOADER)/late: test/loader/late.c $(TEST_HEADERS) test/loader/build.mk | packages
	@mkdir -p $(@D)
	$(CC) $(TEST_COMMON) $(CFLAGS) -o $@ $<

$(LOADER)/waiter.so: test/loader/waiter.c test/loader/build.mk | packages
	@mkdir -p $(@D)
	$(CC) $(TEST_COMMON) $(CFLAGS) -shared -fPIC -o $@ $<

$(LOADER)/waiting: test/loader/waiting.c $(LOADER)/waiter.so $(TEST_HEADERS)
	$(CC) $(TEST_COMMON) $(CFLAGS) -rdynamic -o $@ $<
