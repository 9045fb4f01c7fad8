// Fuzz target for what godwit-cni reads of others: the configuration's version and the names that become a path.
#define main godwit_main
#include "godwit-cni.c"
#undef main

#include "../../core/native/fuzz.h"

#ifndef GODWIT_LIBFUZZER
static const struct seed seeds[] = {
    SEED("{\"cniVersion\":\"1.0.0\",\"name\":\"stable\"}"),
    SEED("{\n\t\"cniVersion\" : \"0.4.0\" }"),
    SEED("{\"name\":\"x\",\"cniVersion\":\"1.1.0-rc1"),
    SEED("{\"cniVersion\":\"1.1.1.1.1.1.1.1.\"}"),
    SEED("abc123-net1_x.y"),
    SEED("../../etc/passwd"),
    SEED(".."),
};
static const size_t seed_count = sizeof seeds / sizeof *seeds;
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char version[VERSION_MAX];
  find_version((const char *)data, size, version);
  PROMISE(strlen(version) > 0 && version[strspn(version, "0123456789.")] == '\0');

  char *name = strndup((const char *)data, size);
  PROMISE(name != NULL);
  bool inside = strchr(name, '/') == NULL && strcmp(name, "..") != 0 && strcmp(name, ".") != 0 && name[0] != '\0';
  PROMISE(!is_plain_name(name) || inside);
  PROMISE(!is_container_id(name) || (inside && name[0] != '.' && strpbrk(name, "\n \"\\") == NULL));
  free(name);
  return 0;
}
