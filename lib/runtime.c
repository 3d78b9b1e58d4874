/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#include <dlfcn.h>
#include <stddef.h>

uintptr_t runtime_find(uintptr_t reference, const char *name) {
    if (reference != 0)
        return reference;
    void *runtime = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
    if (runtime == NULL)
        return 0;
    void *function = dlsym(runtime, name);
    dlclose(runtime);
    return (uintptr_t)function;
}
