// What pages held when they were sent last, as a digest of each: memory whose writes the kernel does not tell is
// compared. With keys that nobody knows two contents have one digest with probability 2^-64 (NH of UMAC, RFC 4418).
#ifndef GODWIT_TRACKER_DIGESTS_H
#define GODWIT_TRACKER_DIGESTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { PAGE = 4096, PAGE_WORDS = PAGE / 8, CHUNK_PAGES = 512 };

typedef unsigned __int128 digest;

/** Digests of neighbouring pages; 0 is one that is not known. */
struct chunk {
  uint64_t number;
  digest pages[CHUNK_PAGES];
};

/** By address: a hash table of chunks. */
struct digests {
  struct chunk **chunks;
  size_t count, room;
};

static uint64_t digest_keys[PAGE_WORDS];

static bool make_digest_keys(void) {
  uint8_t *to = (uint8_t *)digest_keys;
  for (size_t done = 0; done < sizeof digest_keys;) {
    ssize_t got = getrandom(to + done, sizeof digest_keys - done, 0);
    if (got < 0) return false;
    done += (size_t)got;
  }
  return true;
}

/** Never 0. */
static digest digest_of(const uint8_t *page) {
  digest sum = 1;
  for (int i = 0; i < PAGE_WORDS; i += 2) {
    uint64_t words[2];
    memcpy(words, page + i * 8, sizeof words);
    sum += (digest)(words[0] + digest_keys[i]) * (words[1] + digest_keys[i + 1]);
  }
  return sum == 0 ? 1 : sum;
}

static struct chunk **find_chunk(struct chunk **chunks, size_t room, uint64_t number) {
  size_t at = (size_t)(number * 0x9e3779b97f4a7c15) & (room - 1);
  while (chunks[at] != NULL && chunks[at]->number != number) at = (at + 1) & (room - 1);
  return &chunks[at];
}

static bool grow_digests(struct digests *digests) {
  size_t room = digests->room == 0 ? 64 : 2 * digests->room;
  struct chunk **chunks = calloc(room, sizeof *chunks);
  if (chunks == NULL) return false;
  for (size_t i = 0; i < digests->room; i++)
    if (digests->chunks[i] != NULL) *find_chunk(chunks, room, digests->chunks[i]->number) = digests->chunks[i];
  free(digests->chunks);
  digests->chunks = chunks;
  digests->room = room;
  return true;
}

/** The place for the digest of the page at `address`; NULL when there is no memory for it. */
static digest *digest_at(struct digests *digests, uint64_t address) {
  uint64_t page = address / PAGE;
  if (2 * digests->count >= digests->room && !grow_digests(digests)) return NULL;
  struct chunk **place = find_chunk(digests->chunks, digests->room, page / CHUNK_PAGES);
  if (*place == NULL) {
    *place = calloc(1, sizeof **place);
    if (*place == NULL) return NULL;
    (*place)->number = page / CHUNK_PAGES;
    digests->count++;
  }
  return &(*place)->pages[page % CHUNK_PAGES];
}

/** The page was sent, and its digest not looked at. */
static void forget_digest(struct digests *digests, uint64_t address) {
  if (digests->count == 0) return;
  struct chunk *chunk = *find_chunk(digests->chunks, digests->room, address / PAGE / CHUNK_PAGES);
  if (chunk != NULL) chunk->pages[address / PAGE % CHUNK_PAGES] = 0;
}

static void forget_digests(struct digests *digests) {
  for (size_t i = 0; i < digests->room; i++) free(digests->chunks[i]);
  free(digests->chunks);
  *digests = (struct digests){0};
}

#endif
