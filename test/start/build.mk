# A library that does nothing: what a preload costs by itself.

test: $(BUILD)/test/start/nothing.so
$(BUILD)/test/start/nothing.so: test/start/nothing.c test/start/build.mk | packages
	@mkdir -p $(@D)
	$(CC) $(COMMON) $(CFLAGS) -fPIC -shared -Wl,-z,now,-z,relro -o $@ $<
