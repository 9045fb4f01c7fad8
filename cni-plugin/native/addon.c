// What Node cannot do by itself and stable links need: enter a network namespace, talk netlink in one step, raw frames,
// sockets of others.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAPI_VERSION 8
#include <node_api.h>

enum { VNET_HEADER_BYTES = 10, FRAME_LIMIT_BYTES = 1 << 17 };

static napi_value throw_errno(napi_env env, const char *what) {
	char message[160];
	const char *name = strerrorname_np(errno);
	strcpy(message, what);
	strcat(message, ": ");
	strncat(message, strerror(errno), 100);
	napi_throw_error(env, name == NULL ? "EUNKNOWN" : name, message);
	return NULL;
}

static bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value *out) {
	size_t given = count;
	if (napi_get_cb_info(env, info, &given, out, NULL, NULL) == napi_ok && given >= count) return true;
	napi_throw_type_error(env, NULL, "too few arguments");
	return false;
}

static bool as_int(napi_env env, napi_value value, int *out) {
	if (napi_get_value_int32(env, value, out) == napi_ok) return true;
	napi_throw_type_error(env, NULL, "a number was expected");
	return false;
}

static bool as_bytes(napi_env env, napi_value value, void **data, size_t *length) {
	if (napi_get_buffer_info(env, value, data, length) == napi_ok) return true;
	napi_throw_type_error(env, NULL, "a Buffer was expected");
	return false;
}

static napi_value number(napi_env env, double value) {
	napi_value result = NULL;
	napi_create_double(env, value, &result);
	return result;
}

// inNetns(fd, call): runs `call` with this thread in the namespace; aborts the process when it cannot come back.
static napi_value in_netns(napi_env env, napi_callback_info info) {
	napi_value argv[2], self, result = NULL;
	int target;
	if (!arguments(env, info, 2, argv) || !as_int(env, argv[0], &target)) return NULL;
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0) return throw_errno(env, "open own network namespace");
	if (setns(target, CLONE_NEWNET) != 0) {
		int reason = errno;
		close(home);
		errno = reason;
		return throw_errno(env, "enter network namespace");
	}
	napi_get_undefined(env, &self);
	napi_call_function(env, self, argv[1], 0, NULL, &result); // a pending exception is passed on as it is
	if (setns(home, CLONE_NEWNET) != 0) abort();
	close(home);
	return result;
}

// netlinkOpen(protocol): a bound socket of the current namespace, with extended acknowledgements.
static napi_value netlink_open(napi_env env, napi_callback_info info) {
	napi_value argv[1];
	int protocol, on = 1, receive_bytes = 4 << 20;
	if (!arguments(env, info, 1, argv) || !as_int(env, argv[0], &protocol)) return NULL;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0) return throw_errno(env, "netlink socket");
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	// the default suffices for all but huge dumps
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes);
	if (setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on) != 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on) != 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		int reason = errno;
		close(fd);
		errno = reason;
		return throw_errno(env, "netlink socket");
	}
	return number(env, fd);
}

struct reply {
	char *data;
	size_t length, capacity;
};

// Sends and gathers all that comes back. The kernel answers netlink inside sendmsg, a dump goes on inside recvmsg: no
// waiting.
static int transact(int fd, const void *request, size_t length, struct reply *reply) {
	while (recv(fd, &(char){0}, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0) continue; // left by a request that failed half-way
	if (send(fd, request, length, 0) < 0) return errno;
	for (;;) {
		ssize_t next = recv(fd, NULL, 0, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
		if (next < 0) return errno == EAGAIN ? 0 : errno;
		if (reply->capacity < reply->length + NLMSG_ALIGN((size_t)next)) {
			size_t capacity = 2 * (reply->length + NLMSG_ALIGN((size_t)next));
			char *grown = realloc(reply->data, capacity);
			if (grown == NULL) return ENOMEM;
			reply->data = grown;
			reply->capacity = capacity;
		}
		ssize_t got = recv(fd, reply->data + reply->length, (size_t)next, MSG_DONTWAIT);
		if (got < 0) return errno;
		reply->length += NLMSG_ALIGN((size_t)got);
	}
}

static napi_value reply_buffer(napi_env env, struct reply *reply) {
	napi_value result = NULL;
	napi_create_buffer_copy(env, reply->length, reply->data, NULL, &result);
	return result;
}

// netlinkRequest(fd, message): everything the kernel replied, as one Buffer.
static napi_value netlink_request(napi_env env, napi_callback_info info) {
	napi_value argv[2];
	int fd;
	void *data;
	size_t length;
	if (!arguments(env, info, 2, argv) || !as_int(env, argv[0], &fd) || !as_bytes(env, argv[1], &data, &length)) return NULL;
	struct reply reply = {0};
	int reason = transact(fd, data, length, &reply);
	napi_value result = reason == 0 ? reply_buffer(env, &reply) : NULL;
	free(reply.data);
	if (reason == 0) return result;
	errno = reason;
	return throw_errno(env, "netlink request");
}

// Work for a pool thread: a netlink request over `fd`, or, where `name` is set, a file written durably in the directory
// `fd`.
struct job {
	napi_async_work work;
	napi_deferred deferred;
	int fd, reason;
	void *request;
	size_t length;
	char name[256], aside[260];
	struct reply reply;
};

static int write_whole(int fd, const char *data, size_t length) {
	for (size_t done = 0; done < length;) {
		ssize_t wrote = write(fd, data + done, length - done);
		if (wrote < 0) return errno;
		done += (size_t)wrote;
	}
	return fdatasync(fd) == 0 ? 0 : errno;
}

static int write_durably(const struct job *job) {
	int file = openat(job->fd, job->aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0) return errno;
	int reason = write_whole(file, job->request, job->length);
	if (close(file) != 0 && reason == 0) reason = errno;
	if (reason != 0) return reason;
	if (renameat(job->fd, job->aside, job->fd, job->name) != 0) return errno;
	return fsync(job->fd) == 0 ? 0 : errno;
}

static void job_run(napi_env env, void *data) {
	(void)env;
	struct job *job = data;
	job->reason = job->name[0] != '\0' ? write_durably(job) : transact(job->fd, job->request, job->length, &job->reply);
}

static void job_done(napi_env env, napi_status status, void *data) {
	struct job *job = data;
	if (status == napi_ok && job->reason == 0) {
		napi_resolve_deferred(env, job->deferred, reply_buffer(env, &job->reply));
	} else {
		napi_value code, text, error;
		const char *name = strerrorname_np(job->reason);
		napi_create_string_utf8(env, name == NULL ? "EUNKNOWN" : name, NAPI_AUTO_LENGTH, &code);
		napi_create_string_utf8(env, strerror(job->reason), NAPI_AUTO_LENGTH, &text);
		napi_create_error(env, code, text, &error);
		napi_reject_deferred(env, job->deferred, error);
	}
	napi_delete_async_work(env, job->work);
	free(job->reply.data);
	free(job->request);
	free(job);
}

static struct job *new_job(napi_env env, napi_value fd, napi_value bytes) {
	int number;
	void *data;
	size_t length;
	if (!as_int(env, fd, &number) || !as_bytes(env, bytes, &data, &length)) return NULL;
	struct job *job = calloc(1, sizeof *job);
	void *copy = malloc(length + 1);
	if (job == NULL || copy == NULL) abort();
	memcpy(copy, data, length);
	job->fd = number;
	job->request = copy;
	job->length = length;
	return job;
}

static napi_value queue(napi_env env, struct job *job) {
	napi_value name, promise = NULL;
	napi_create_promise(env, &job->deferred, &promise);
	napi_create_string_utf8(env, "godwit:links", NAPI_AUTO_LENGTH, &name);
	napi_create_async_work(env, NULL, name, job_run, job_done, job, &job->work);
	napi_queue_async_work(env, job->work);
	return promise;
}

// netlinkRequestOffLoop(fd, message): the same on a pool thread, for requests that wait for RCU. One at a time for each
// fd.
static napi_value netlink_request_off_loop(napi_env env, napi_callback_info info) {
	napi_value argv[2];
	if (!arguments(env, info, 2, argv)) return NULL;
	struct job *job = new_job(env, argv[0], argv[1]);
	return job == NULL ? NULL : queue(env, job);
}

// writeDurably(directoryFd, bytes, name): written aside, synced, renamed, directory synced; all on a pool thread.
static napi_value write_durably_off_loop(napi_env env, napi_callback_info info) {
	napi_value argv[3];
	size_t length = 0;
	if (!arguments(env, info, 3, argv)) return NULL;
	struct job *job = new_job(env, argv[0], argv[1]);
	if (job == NULL) return NULL;
	if (napi_get_value_string_utf8(env, argv[2], job->name, sizeof job->name - 4, &length) != napi_ok || length == 0 || strchr(job->name, '/') != NULL) {
		free(job->request);
		free(job);
		napi_throw_type_error(env, NULL, "a file name was expected");
		return NULL;
	}
	strcpy(job->aside, job->name);
	strcat(job->aside, ".new");
	return queue(env, job);
}

// Untagged frames for one MAC: a tagged frame belongs to another network than the device it came in on.
static int attach_filter(int fd, const unsigned char *mac) {
	unsigned high = (unsigned)mac[0] << 24 | (unsigned)mac[1] << 16 | (unsigned)mac[2] << 8 | mac[3];
	unsigned low = (unsigned)mac[4] << 8 | mac[5];
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, FRAME_LIMIT_BYTES),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int packet_configure(int fd, int if_index, const unsigned char *mac, int receive_bytes) {
	int on = 1;
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_index};
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0) return -1;
	if (mac == NULL) return 0;
	if (attach_filter(fd, mac) != 0) return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes) != 0) return -1;
	return bind(fd, (struct sockaddr *)&address, sizeof address);
}

// packetOpen(): sends only. packetOpen(ifIndex, mac, receiveBytes): keeps frames for `mac` that come up from that
// device.
static napi_value packet_open(napi_env env, napi_callback_info info) {
	napi_value argv[3];
	size_t given = 3, mac_bytes = 0;
	void *mac = NULL;
	int if_index = 0, receive_bytes = 0;
	napi_get_cb_info(env, info, &given, argv, NULL, NULL);
	if (given >= 3) {
		if (!as_int(env, argv[0], &if_index) || !as_bytes(env, argv[1], &mac, &mac_bytes) || !as_int(env, argv[2], &receive_bytes)) return NULL;
		if (mac_bytes != ETH_ALEN) return napi_throw_type_error(env, NULL, "a MAC has six bytes"), NULL;
	}
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) return throw_errno(env, "packet socket");
	if (packet_configure(fd, if_index, mac, receive_bytes) != 0) {
		int reason = errno;
		close(fd);
		errno = reason;
		return throw_errno(env, "packet socket");
	}
	return number(env, fd);
}

// packetSend(fd, ifIndex, frame): `frame` begins with a virtio-net header.
static napi_value packet_send(napi_env env, napi_callback_info info) {
	napi_value argv[3];
	int fd, if_index;
	void *data;
	size_t length;
	if (!arguments(env, info, 3, argv) || !as_int(env, argv[0], &fd) || !as_int(env, argv[1], &if_index) || !as_bytes(env, argv[2], &data, &length)) return NULL;
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = if_index, .sll_halen = ETH_ALEN};
	if (length >= VNET_HEADER_BYTES + ETH_HLEN) {
		memcpy(to.sll_addr, (char *)data + VNET_HEADER_BYTES, ETH_ALEN);
		memcpy(&to.sll_protocol, (char *)data + VNET_HEADER_BYTES + 2 * ETH_ALEN, 2);
	}
	if (sendto(fd, data, length, 0, (struct sockaddr *)&to, sizeof to) < 0) return throw_errno(env, "send frame");
	return NULL;
}

// packetReceive(fd, max): at most `max` frames that wait, each with its virtio-net header; never blocks.
static napi_value packet_receive(napi_env env, napi_callback_info info) {
	static _Thread_local char frame[VNET_HEADER_BYTES + FRAME_LIMIT_BYTES];
	napi_value argv[2], list, item;
	int fd, max;
	if (!arguments(env, info, 2, argv) || !as_int(env, argv[0], &fd) || !as_int(env, argv[1], &max)) return NULL;
	napi_create_array(env, &list);
	for (int index = 0; index < max;) {
		ssize_t got = recv(fd, frame, sizeof frame, 0);
		if (got < 0 && errno == EAGAIN) break;
		if (got < 0 && errno == EINVAL) continue; // a frame whose offload has no virtio form: it is consumed and lost
		if (got < 0) return throw_errno(env, "receive frame");
		if (got < VNET_HEADER_BYTES + ETH_HLEN) continue;
		napi_create_buffer_copy(env, (size_t)got, frame, NULL, &item);
		napi_set_element(env, list, (uint32_t)index++, item);
	}
	return list;
}

// packetDrops(fd): frames the kernel dropped since the last call because the buffer was full.
static napi_value packet_drops(napi_env env, napi_callback_info info) {
	napi_value argv[1];
	int fd;
	struct tpacket_stats counts;
	socklen_t size = sizeof counts;
	if (!arguments(env, info, 1, argv) || !as_int(env, argv[0], &fd)) return NULL;
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &counts, &size) != 0) return throw_errno(env, "packet statistics");
	return number(env, counts.tp_drops);
}

/** Whether `fd` is a TCP socket in repair mode; then it is so no longer. */
static bool end_repair(int fd) {
	int protocol = 0, repair = 0, off = 0;
	socklen_t size = sizeof protocol, repair_size = sizeof repair;
	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0 || protocol != IPPROTO_TCP) return false;
	if (getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &repair, &repair_size) != 0 || repair == 0) return false;
	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof off) == 0;
}

// endTcpRepair(pid): takes all TCP sockets of a process out of repair mode; how many were in it. A process that is gone
// has none.
static napi_value end_tcp_repair(napi_env env, napi_callback_info info) {
	napi_value argv[1];
	int pid, ended = 0;
	char path[64];
	if (!arguments(env, info, 1, argv) || !as_int(env, argv[0], &pid)) return NULL;
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process < 0) return errno == ESRCH ? number(env, 0) : throw_errno(env, "pidfd_open");
	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	DIR *fds = opendir(path);
	for (struct dirent *entry; fds != NULL && (entry = readdir(fds)) != NULL;) {
		if (entry->d_name[0] == '.') continue;
		int fd = (int)syscall(SYS_pidfd_getfd, process, atoi(entry->d_name), 0);
		if (fd < 0) continue; // closed meanwhile
		ended += end_repair(fd);
		close(fd);
	}
	if (fds != NULL) closedir(fds);
	close(process);
	return number(env, ended);
}

NAPI_MODULE_INIT() {
	static const struct {
		const char *name;
		napi_callback call;
	} functions[] = {
		{"inNetns", in_netns},
		{"netlinkOpen", netlink_open},
		{"netlinkRequest", netlink_request},
		{"netlinkRequestOffLoop", netlink_request_off_loop},
		{"writeDurably", write_durably_off_loop},
		{"packetOpen", packet_open},
		{"packetSend", packet_send},
		{"packetReceive", packet_receive},
		{"packetDrops", packet_drops},
		{"endTcpRepair", end_tcp_repair},
	};
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
		napi_value function;
		napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
		napi_set_named_property(env, exports, functions[i].name, function);
	}
	return exports;
}
