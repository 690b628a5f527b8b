/*
 * A cache in a folder of the test's own: see cache_world.h.
 */
#define _DEFAULT_SOURCE /* mkdtemp */

#include "tests/unit/cache_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cache_world world;

int world_make(void **state)
{
    (void)state;
    strcpy(world.home, "/tmp/test_cache.XXXXXX");
    if (mkdtemp(world.home) == NULL || crypto_new(&world.crypto) < 0)
        return -1;
    snprintf(world.folder, sizeof(world.folder), "%s/a/cache", world.home);
    return cache_new(world.crypto, world.folder, &world.cache);
}

const char *world_path(const char *name)
{
    static char path[400];

    snprintf(path, sizeof(path), "%s/%s", world.folder, name);
    return path;
}

static size_t count_files(bool delete)
{
    DIR *dir = opendir(world.folder);
    struct dirent *entry;
    size_t count = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (delete)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

size_t world_count_files(void)
{
    return count_files(false);
}

int world_tidy(void **state)
{
    char above[96];

    (void)state;
    cache_free(world.cache);
    crypto_free(world.crypto);
    count_files(true);
    rmdir(world.folder);
    snprintf(above, sizeof(above), "%s/a", world.home);
    rmdir(above);
    return rmdir(world.home);
}

struct cache_card *world_card(const char *serial, const char *mark)
{
    struct cache_card *card;

    assert_int_equal(cache_card_new(world.cache, "ias", serial, &card), 0);
    assert_non_null(card);
    cache_card_confirm(card, text(mark));
    return card;
}

void world_save(const char *serial, const char *mark, const char *content)
{
    struct cache_card *card = world_card(serial, mark);

    cache_card_keep(card, text("name"), text(content));
    cache_card_save(card);
    cache_card_free(card);
}

bool world_is_kept(const char *serial, const char *mark, const char *content)
{
    struct cache_card *card = world_card(serial, mark);
    struct bytes found;
    bool ok = cache_card_find(card, text("name"), &found) &&
              bytes_equal(found, text(content));

    cache_card_free(card);
    return ok;
}

struct bytes world_read(const char *name)
{
    int fd = open(world_path(name), O_RDONLY);
    ssize_t n = read(fd, world.space, sizeof(world.space));

    assert_true(fd >= 0 && n >= 0);
    close(fd);
    return bytes_from(world.space, (size_t)n);
}

void world_write(const char *name, struct bytes content)
{
    int fd = open(world_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.data, content.len),
                     (ssize_t)content.len);
    close(fd);
}
