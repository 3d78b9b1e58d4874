# A preload for the test of the stress programs: see toy.c.
test: $(BUILD)/test/toy.so

$(BUILD)/test/toy.so: test/toy/toy.c test/toy/build.mk | packages
	@mkdir -p $(@D)
	@echo "  $(CC) $<"
	$(CC) $(COMMON) $(CFLAGS) -fno-builtin -fPIC -fvisibility=hidden -ftls-model=initial-exec -shared -o $@ $< -pthread
