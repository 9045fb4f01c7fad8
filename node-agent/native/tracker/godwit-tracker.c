// godwit-tracker: follows which memory of processes is written, and reads it while they run. Commands are lines of
// standard input, answers are frames on standard output (records.h), the last one says "done". When the input ends, or
// the tracker, nothing of it is left in the processes.
//   process PID OWN-PID   follows one more process
//   frozen PID OWN-PID    one more that stands still, and is only read
//   shared ID PATH        follows shared memory; the file is its content
//   attach ID PID         the same, of a System V segment that no process has attached, in the IPC namespace of PID
//   round                 sends what was written since the round before; the first time all
//   final                 when all stand still: sends what was written, and lets go of the processes
//   read OWN-PID START PAGES [START PAGES...]      sends these pages of a process
//   read-shared ID START PAGES [START PAGES...]    sends these pages of shared memory
#define _GNU_SOURCE
#include <sched.h>
#include <sys/shm.h>

#include "rounds.h"

enum { FOLLOWED_MAX = 1 << 16 };

static struct followed *followed[FOLLOWED_MAX];
static int followed_count;

static struct followed *find_followed(bool shared, uint64_t id) {
  for (int i = 0; i < followed_count; i++)
    if (followed[i]->shared == shared && followed[i]->id == id) return followed[i];
  return NULL;
}

/** One more, or the one that is known already: a number may come to be another process. */
static struct followed *add_followed(struct followed new) {
  struct followed *place = find_followed(new.shared, new.id);
  if (place == NULL) {
    if (followed_count == FOLLOWED_MAX || (place = malloc(sizeof *place)) == NULL) exit(1);
    followed[followed_count++] = place;
  } else {
    end_tracking(place);
    forget_digests(&place->digests);
    if (place->file >= 0) close(place->file);
    say_unknown(place, 0, UINT64_MAX);
  }
  *place = new;
  return place;
}

static struct followed *add_process(pid_t pid, uint64_t own_pid) {
  return add_followed((struct followed){.id = own_pid, .pid = pid, .file = -1, .userfaultfd = -1});
}

static void follow_process(pid_t pid, uint64_t own_pid) {
  struct followed *process = add_process(pid, own_pid);
  bool tracked = !has_direct_io(pid) && begin_tracking(process);
  say("{\"type\":\"followed\",\"tracked\":%s}", tracked ? "true" : "false");
}

static void follow_shared(uint64_t id, int file) {
  if (file >= 0) add_followed((struct followed){.shared = true, .id = id, .file = file, .userfaultfd = -1});
}

/** In a child, which attaches the segment, so that the kernel shows its content as a file. */
static int find_segment(pid_t pid, uint64_t id) {
  char path[128];
  int namespace = open_of(pid, "ns/ipc");
  struct shmid_ds facts;
  void *content = setns(namespace, CLONE_NEWIPC) == 0 ? shmat((int)id, NULL, SHM_RDONLY) : (void *)-1;
  if (content == (void *)-1 || shmctl((int)id, IPC_STAT, &facts) != 0) return -1;
  uint64_t start = (uint64_t)(uintptr_t)content, size = ((uint64_t)facts.shm_segsz + PAGE - 1) & ~(uint64_t)(PAGE - 1);
  snprintf(path, sizeof path, "/proc/%d/map_files/%llx-%llx", getpid(), (unsigned long long)start, (unsigned long long)(start + size));
  return open(path, O_RDONLY | O_CLOEXEC);
}

static void send_round(void) {
  for (int i = 0; i < followed_count; i++) send_round_of(followed[i]);
}

static void send_final(void) {
  found_count = 0;
  for (int i = 0; i < followed_count; i++)
    if (followed[i]->userfaultfd >= 0) find_written(followed[i]);
  bool compared[FOLLOWED_MAX];
  for (int i = 0; i < followed_count; i++) {
    compared[i] = followed[i]->userfaultfd < 0;
    end_tracking(followed[i]);
  }
  say("{\"type\":\"let-go\"}");
  send_found();
  for (int i = 0; i < followed_count; i++) {
    if (!compared[i]) continue;
    begin_records(&record, followed[i]);
    if (followed[i]->shared) send_changed_of_file(followed[i]);
    else send_changed_in_freeze(followed[i]);
    send_record(&record);
  }
}

static void send_asked(struct followed *of, char *ranges) {
  struct views views = of->shared ? (struct views){-1, -1} : open_views(of->pid);
  begin_records(&record, of);
  for (char *end; *ranges != 0; ranges = end) {
    uint64_t start = strtoull(ranges, &end, 10), pages = strtoull(end, &end, 10);
    if (end == ranges || pages == 0) break;
    read_run(&record, views.memory, NULL, start, pages);
  }
  send_record(&record);
  close_views(views);
}

static void obey(char *line) {
  char command[16] = "";
  unsigned long long id = 0;
  int used = 0, pid;
  line[strcspn(line, "\n")] = 0;
  if (sscanf(line, "%15s %llu %n", command, &id, &used) >= 2) line += used;
  if (strcmp(command, "process") == 0) follow_process((pid_t)id, strtoull(line, NULL, 10));
  else if (strcmp(command, "frozen") == 0) add_process((pid_t)id, strtoull(line, NULL, 10));
  else if (strcmp(command, "shared") == 0) follow_shared(id, open(line, O_RDONLY | O_CLOEXEC));
  else if (strcmp(command, "attach") == 0 && sscanf(line, "%d", &pid) == 1) follow_shared(id, descriptor_from_child(find_segment, pid, id));
  else if (strcmp(command, "round") == 0) send_round();
  else if (strcmp(command, "final") == 0) send_final();
  else if (strncmp(command, "read", 4) == 0) {
    struct followed *of = find_followed(strcmp(command, "read-shared") == 0, id);
    if (of != NULL) send_asked(of, line);
  }
  say("{\"type\":\"done\"}");
}

int main(void) {
  char *line = NULL;
  size_t room = 0;
  signal(SIGPIPE, SIG_IGN);
  if (!make_digest_keys()) return 1;
  while (getline(&line, &room, stdin) > 0) obey(line);
  return 0;
}
