/*
 * The cache's folder and whole files in it.
 */
#include "card/base/cache_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card/base/folder.h"
#include "card/error.h"

enum { OTHERS_ANY = S_IRWXG | S_IRWXO };

struct cache {
    struct crypto *crypto;
    char *folder;
};

static const struct folder_custom custom = {
    "XDG_CACHE_HOME", "CACHE_DIRECTORY", "/var/cache", ".cache/tessera"};

bool cache_folder(char *out, size_t cap)
{
    for (unsigned i = 0; i < FOLDER_PLACES; i++)
        if (folder_place(&custom, i, out, cap))
            return true;
    return false;
}

int cache_new(struct crypto *crypto, const char *folder, struct cache **out)
{
    struct cache *cache = calloc(1, sizeof(*cache));

    if (cache == NULL || (cache->folder = strdup(folder)) == NULL) {
        free(cache);
        return card_fail(CARD_E_MEMORY, "out of memory");
    }
    cache->crypto = crypto;
    *out = cache;
    return 0;
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    free(cache->folder);
    free(cache);
}

bool cache_take_short(struct bytes *cursor, struct bytes *out)
{
    uint8_t len;

    return bytes_take_u8(cursor, &len) && bytes_take(cursor, len, out);
}

void cache_put_short(struct buf *out, struct bytes bytes)
{
    buf_put_u8(out, (uint8_t)bytes.len);
    buf_put(out, bytes);
}

/* --- Reading -------------------------------------------------------------- */

static bool read_whole(struct cache *cache, const char *name, struct buf *file)
{
    int folder = folder_open(cache->folder, OTHERS_ANY);
    bool ok;

    if (folder < 0)
        return false;
    ok = folder_read(folder, name, CACHE_MAX_CARD, file);
    close(folder);
    return ok;
}

static bool is_sound(struct cache *cache, struct bytes sealed,
                     struct bytes checksum)
{
    uint8_t space[CACHE_CHECKSUM];
    struct buf value = BUF_ON(space);

    return crypto_hash(cache->crypto, CARD_HASH_SHA256, sealed, &value) == 0 &&
           bytes_equal(buf_view(&value), checksum);
}

bool cache_file_read(struct cache *cache, const char *name, const char *kind,
                     struct buf *file, struct bytes *body)
{
    struct bytes start = bytes_of_string(kind), rest, sealed;

    *file = (struct buf){NULL, 0, 0};
    *body = bytes_from(NULL, 0);
    if (!read_whole(cache, name, file))
        return false;
    rest = buf_view(file);
    if (rest.len >= CACHE_CHECKSUM &&
        bytes_take(&rest, rest.len - CACHE_CHECKSUM, &sealed) &&
        is_sound(cache, sealed, rest) && bytes_start_with(sealed, start)) {
        *body = sealed;
        return bytes_take(body, start.len, &start);
    }
    buf_free(file);
    return false;
}

/* --- Writing -------------------------------------------------------------- */

static bool ends_in(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);

    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec ||
           (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Of files of cards, and of new ones that nobody lived to put in place. */
static size_t find_oldest(DIR *dir, char oldest[CACHE_FILE_NAME_MAX])
{
    struct timespec least = {0};
    const struct dirent *entry;
    size_t count = 0;
    struct stat st;

    while ((entry = readdir(dir)) != NULL) {
        if ((!ends_in(entry->d_name, ".card") &&
             !ends_in(entry->d_name, ".new")) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (count++ > 0 && !is_older(&st.st_mtim, &least))
            continue;
        least = st.st_mtim;
        snprintf(oldest, CACHE_FILE_NAME_MAX, "%s", entry->d_name);
    }
    return count;
}

/* A save adds one file at most, so one goes. */
static void trim(int folder)
{
    char oldest[CACHE_FILE_NAME_MAX];
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir != NULL) {
        if (find_oldest(dir, oldest) > CACHE_MAX_CARDS)
            unlinkat(folder, oldest, 0);
        closedir(dir);
    } else if (fd >= 0) {
        close(fd);
    }
}

void cache_file_write(struct cache *cache, const char *name, struct buf *file)
{
    int folder;

    if (crypto_hash(cache->crypto, CARD_HASH_SHA256, buf_view(file), file) < 0
        || !folder_make(cache->folder, OTHERS_ANY)
        || (folder = folder_open(cache->folder, OTHERS_ANY)) < 0)
        return;
    if (folder_write(folder, name, buf_view(file)))
        trim(folder);
    else
        unlinkat(folder, name, 0);
    close(folder);
}

void cache_file_delete(struct cache *cache, const char *name)
{
    int folder = folder_open(cache->folder, OTHERS_ANY);

    if (folder < 0)
        return;
    unlinkat(folder, name, 0);
    close(folder);
}
