// Lets PostgreSQL run as root in a test container: it refuses by asking for its user id, so it is told that of postgres.
// Reason: where CAP_SYS_RESOURCE is missing, the kernel lets CRIU read the limits of processes of its own user only.
#include <pwd.h>
#include <unistd.h>

static uid_t owner;

__attribute__((constructor)) static void look_up_owner(void) {
  const struct passwd *entry = getpwnam("postgres");
  owner = entry ? entry->pw_uid : 1;
}

uid_t geteuid(void) { return owner; }
uid_t getuid(void) { return owner; }
