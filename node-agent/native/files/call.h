// Arguments and results of a call from JavaScript.
#ifndef GODWIT_FILES_CALL_H
#define GODWIT_FILES_CALL_H

#include <errno.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"

enum { MAX_ARGS = 7 };

struct call {
  napi_env env;
  napi_value args[MAX_ARGS];
  bool failed;
};

static struct call call_begin(napi_env env, napi_callback_info info) {
  struct call call = { .env = env };
  size_t count = MAX_ARGS;
  napi_get_cb_info(env, info, &count, call.args, NULL, NULL);
  return call;
}

static napi_value throw_errno(napi_env env, const char *what) {
  char message[160];
  const char *name = strerrorname_np(errno);
  snprintf(message, sizeof message, "%s: %s", what, strerror(errno));
  napi_throw_error(env, name ? name : "EUNKNOWN", message);
  return NULL;
}

static int64_t integer_arg(struct call *call, int index) {
  int64_t value = 0;
  if (napi_get_value_int64(call->env, call->args[index], &value) != napi_ok) call->failed = true;
  return value;
}

static uint64_t bigint_arg(struct call *call, int index) {
  uint64_t value = 0;
  bool lossless = false;
  if (napi_get_value_bigint_uint64(call->env, call->args[index], &value, &lossless) != napi_ok || !lossless) call->failed = true;
  return value;
}

static const char *buffer_arg(struct call *call, int index, size_t *length) {
  void *data = NULL;
  *length = 0;
  if (napi_get_buffer_info(call->env, call->args[index], &data, length) != napi_ok) call->failed = true;
  return data;
}

/** A Buffer argument as a NUL-terminated string in `text`; one that holds NUL or is too long fails the call. */
static void text_arg(struct call *call, int index, char *text, size_t room) {
  size_t length;
  const char *data = buffer_arg(call, index, &length);
  if (call->failed || length >= room || (length && memchr(data, 0, length))) {
    call->failed = true;
    return;
  }
  if (length) memcpy(text, data, length);
  text[length] = 0;
}

static napi_value integer_value(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

static napi_value invalid(napi_env env, const char *what) {
  errno = EINVAL;
  return throw_errno(env, what);
}

static napi_value bytes_value(napi_env env, struct bytes *bytes) {
  napi_value result = NULL;
  napi_create_buffer_copy(env, bytes->length, bytes->data, NULL, &result);
  free(bytes->data);
  return result;
}

#endif
