/*
 * What tests of the cache share: a cache in a folder of this test, and short
 * ways to use it.
 */
#ifndef TESTS_UNIT_CACHE_WORLD_H
#define TESTS_UNIT_CACHE_WORLD_H

#include "card/base/cache.h"
#include "tests/unit/test.h"

/* The file of a card of driver "ias" with serial "01". */
#define CACHE_WORLD_FILE "696173-3031.card"

struct cache_world {
    struct crypto *crypto;
    struct cache *cache;
    char home[64];   /* a folder of this test */
    char folder[96]; /* the cache's, two levels below: not made yet */
    uint8_t space[2 * CACHE_MAX_CARD]; /* for long content */
};

extern struct cache_world world;

/* For cmocka: before and after each test. */
int world_make(void **state);
int world_tidy(void **state);
#define IN_A_FOLDER(test)                                                      \
    cmocka_unit_test_setup_teardown(test, world_make, world_tidy)

static inline struct bytes text(const char *string)
{
    return bytes_of_string(string);
}

/* A card of driver "ias", with its mark confirmed. */
struct cache_card *world_card(const char *serial, const char *mark);
/* Keep this under "name", in a process of its own as it were. */
void world_save(const char *serial, const char *mark, const char *content);
/* Whether a next process finds this under "name". */
bool world_is_kept(const char *serial, const char *mark, const char *content);

/* Of a file in the cache's folder; valid until the next call. */
const char *world_path(const char *name);
size_t world_count_files(void);
/* A whole file, in world.space. */
struct bytes world_read(const char *name);
void world_write(const char *name, struct bytes content);

#endif
